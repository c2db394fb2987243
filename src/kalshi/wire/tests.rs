//! Every payload of the API's fact sheet.
