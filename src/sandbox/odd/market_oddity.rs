//! What can be odd about a market.

/// Whether a good client has to set an odd market aside, and from when on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OddityHarm {
    /// Never: a good client reads the market as usual.
    Never,
    /// From its listing on: the market cannot be understood or traded.
    FromListing,
    /// From its determination on: until then it is as any other, and then its result cannot be understood.
    FromDetermination,
}

/// One deviation from what the client has seen of a market; each is one that the schemas allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MarketOddity {
    /// The field `yes_sub_title` is null.
    YesSubTitleNull,
    /// `title` is not there.
    TitleMissing,
    /// Optional fields are not there; strikes, and the value of a scalar result, are.
    OptionalFieldsMissing,
    /// Optional fields without a value are there, as null.
    OptionalFieldsNull,
    /// Fields that no schema knows: nested objects, lists and a string of 64 KiB.
    UnknownFields,
    /// `price_level_structure` is `""`, with `price_ranges` as ever.
    StructureLabelEmpty,
    /// `price_level_structure` is a label that nobody knows, with `price_ranges` as ever.
    StructureLabelUnknown,
    /// `exchange_index` is not there.
    ExchangeIndexMissing,
    /// The field `status` is `suspended`.
    StatusSuspended,
    /// The field `market_type` is `ranged`.
    TypeRanged,
    /// The field `market_type` is `scalar`.
    TypeScalar,
    /// The field `settlement_bounds_type` is `floor`.
    BoundsFloor,
    /// The field `price_ranges` is null.
    RangesNull,
    /// `price_ranges` is not there.
    RangesMissing,
    /// The first range has a step of 0.000010 dollars, finer than any price is written.
    StepTooFine,
    /// A strike is 38000000000000.
    StrikeHuge,
    /// A strike is 1e-07.
    StrikeTiny,
    /// `result` is `void`, from the beginning.
    ResultVoid,
    /// The required prices are not there.
    PricesMissing,
    /// `GET /events/{ticker}` of its event answers 404.
    EventMissing,
    /// Its event changes its fees to `flat` when it begins.
    EventFeeFlat,
    /// Its event changes its fees to `margin_market_maker_program_fees` when it begins.
    EventFeeMargin,
    /// Its series has the fee type `flat`.
    SeriesFeeFlat,
    /// The message `created` has no `price_ranges`.
    CreatedWithoutRanges,
    /// The message `created` has `""` as `price_level_structure`.
    CreatedStructureEmpty,
    /// `price_level_structure_updated` without `price_ranges` follows the listing.
    StructureUpdatedWithoutRanges,
    /// A message with an `event_type` that nobody knows follows the listing.
    UnknownEventType,
    /// It is opened again a minute after its close, for two minutes.
    Reopened,
    /// `determined` has no `settlement_value`.
    DeterminedWithoutValue,
    /// `determined` with the other result comes before the one that holds.
    Disputed,
    /// It pays `0.333333`, whatever its data say: the result is `scalar`.
    DeterminedSixDecimals,
    /// The result is `void`.
    DeterminedVoid,
}

impl MarketOddity {
    /// Oddities of a market by itself.
    pub const OF_MARKETS: [Self; 28] = [
        Self::YesSubTitleNull,
        Self::TitleMissing,
        Self::OptionalFieldsMissing,
        Self::OptionalFieldsNull,
        Self::UnknownFields,
        Self::StructureLabelEmpty,
        Self::StructureLabelUnknown,
        Self::ExchangeIndexMissing,
        Self::StatusSuspended,
        Self::TypeRanged,
        Self::TypeScalar,
        Self::BoundsFloor,
        Self::RangesNull,
        Self::RangesMissing,
        Self::StepTooFine,
        Self::StrikeHuge,
        Self::StrikeTiny,
        Self::ResultVoid,
        Self::PricesMissing,
        Self::CreatedWithoutRanges,
        Self::CreatedStructureEmpty,
        Self::StructureUpdatedWithoutRanges,
        Self::UnknownEventType,
        Self::Reopened,
        Self::DeterminedWithoutValue,
        Self::Disputed,
        Self::DeterminedSixDecimals,
        Self::DeterminedVoid,
    ];
    /// Oddities of an event: all of its markets have them.
    pub const OF_EVENTS: [Self; 3] = [Self::EventMissing, Self::EventFeeFlat, Self::EventFeeMargin];
    /// Oddities of a series: all of its markets have them.
    pub const OF_SERIES: [Self; 1] = [Self::SeriesFeeFlat];

    /// Name in `GET /sandbox/odd`, such as `yes_sub_title_null`.
    #[must_use]
    pub const fn oddity_name(self) -> &'static str {
        match self {
            Self::YesSubTitleNull => "yes_sub_title_null",
            Self::TitleMissing => "title_missing",
            Self::OptionalFieldsMissing => "optional_fields_missing",
            Self::OptionalFieldsNull => "optional_fields_null",
            Self::UnknownFields => "unknown_fields",
            Self::StructureLabelEmpty => "structure_label_empty",
            Self::StructureLabelUnknown => "structure_label_unknown",
            Self::ExchangeIndexMissing => "exchange_index_missing",
            Self::StatusSuspended => "status_suspended",
            Self::TypeRanged => "type_ranged",
            Self::TypeScalar => "type_scalar",
            Self::BoundsFloor => "bounds_floor",
            Self::RangesNull => "ranges_null",
            Self::RangesMissing => "ranges_missing",
            Self::StepTooFine => "step_too_fine",
            Self::StrikeHuge => "strike_huge",
            Self::StrikeTiny => "strike_tiny",
            Self::ResultVoid => "result_void",
            Self::PricesMissing => "prices_missing",
            Self::EventMissing => "event_missing",
            Self::EventFeeFlat => "event_fee_flat",
            Self::EventFeeMargin => "event_fee_margin",
            Self::SeriesFeeFlat => "series_fee_flat",
            Self::CreatedWithoutRanges => "created_without_ranges",
            Self::CreatedStructureEmpty => "created_structure_empty",
            Self::StructureUpdatedWithoutRanges => "structure_updated_without_ranges",
            Self::UnknownEventType => "unknown_event_type",
            Self::Reopened => "reopened",
            Self::DeterminedWithoutValue => "determined_without_value",
            Self::Disputed => "disputed",
            Self::DeterminedSixDecimals => "determined_six_decimals",
            Self::DeterminedVoid => "determined_void",
        }
    }

    /// Whether a good client has to set the market aside, and from when on.
    #[must_use]
    pub const fn harm_class(self) -> OddityHarm {
        match self {
            Self::YesSubTitleNull
            | Self::TitleMissing
            | Self::OptionalFieldsMissing
            | Self::OptionalFieldsNull
            | Self::UnknownFields
            | Self::StructureLabelEmpty
            | Self::StructureLabelUnknown
            | Self::ExchangeIndexMissing
            | Self::CreatedWithoutRanges
            | Self::CreatedStructureEmpty
            | Self::StructureUpdatedWithoutRanges
            | Self::UnknownEventType
            | Self::Reopened
            | Self::DeterminedWithoutValue
            | Self::Disputed
            | Self::DeterminedSixDecimals => OddityHarm::Never,
            Self::StatusSuspended
            | Self::TypeRanged
            | Self::TypeScalar
            | Self::BoundsFloor
            | Self::RangesNull
            | Self::RangesMissing
            | Self::StepTooFine
            | Self::StrikeHuge
            | Self::StrikeTiny
            | Self::ResultVoid
            | Self::PricesMissing
            | Self::EventMissing
            | Self::EventFeeFlat
            | Self::EventFeeMargin
            | Self::SeriesFeeFlat => OddityHarm::FromListing,
            Self::DeterminedVoid => OddityHarm::FromDetermination,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_no_oddity_is_of_two_levels() {
        let all = MarketOddity::OF_MARKETS
            .into_iter()
            .chain(MarketOddity::OF_EVENTS)
            .chain(MarketOddity::OF_SERIES)
            .collect::<Vec<_>>();
        let names: BTreeSet<_> = all.iter().map(|oddity| oddity.oddity_name()).collect();
        assert_eq!((all.len(), names.len()), (32, 32));
    }
}
