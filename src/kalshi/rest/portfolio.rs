//! What only the account's owner may ask: orders, fills, positions, money, limits.
#![expect(clippy::missing_errors_doc, reason = "every request fails in the ways of `ApiError`")]

use super::call::{Call, path_segment};
use super::{ApiError, Rest};
use crate::domain::Timestamp;
use crate::kalshi::limits::RateBudget;
use crate::kalshi::number::seconds_of;
use crate::kalshi::wire::{
    AccountLimits, ApiFill, ApiOrder, ApiOrderStatus, ApiSettlement, Balance, EndpointCosts, FillsPage,
    MarketPosition, OneOrder, OrdersPage, PositionsPage, SettlementsPage,
};

/// Most orders, fills or positions of one page, sent as `limit`.
const LIMIT: &str = "1000";
/// The same for settlements, of which the API does not say how many it takes.
const SETTLEMENTS: &str = "200";

/// Which of the account's orders [`Rest::orders`] asks for; the default asks for all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrderFilter {
    /// Only orders in the market with this ticker; `None` = in any market.
    pub ticker: Option<String>,
    /// Only orders in this state; `None` = resting, canceled and executed ones.
    pub status: Option<ApiOrderStatus>,
    /// Only orders from this moment on, cut to the second and sent as `min_ts`; `None` = however old.
    pub since: Option<Timestamp>,
}

/// Which of the account's fills [`Rest::fills`] asks for; the default asks for all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FillFilter {
    /// Only fills in the market with this ticker; `None` = in any market.
    pub ticker: Option<String>,
    /// Of this order, by its name with the exchange.
    pub order_id: Option<String>,
    /// Only fills from this moment on, cut to the second and sent as `min_ts`; `None` = however old.
    pub since: Option<Timestamp>,
}

impl Rest {
    /// Orders. What was just done may be missing for some hundred milliseconds.
    pub async fn orders(&self, filter: &OrderFilter) -> Result<Vec<ApiOrder>, ApiError> {
        let status = filter.status.map(|status| match status {
            ApiOrderStatus::Resting => "resting",
            ApiOrderStatus::Canceled => "canceled",
            ApiOrderStatus::Executed => "executed",
        });
        let call = Call::for_read("/portfolio/orders")
            .with_query("limit", LIMIT)
            .with_some("ticker", filter.ticker.as_ref())
            .with_some("status", status)
            .with_some("min_ts", filter.since.map(seconds_of));
        Ok(self.all_pages::<OrdersPage>(call).await?.items)
    }

    /// One order, by its name with the exchange.
    pub async fn order(&self, order_id: &str) -> Result<ApiOrder, ApiError> {
        let call = Call::for_read(format!("/portfolio/orders/{}", path_segment(order_id)?));
        Ok(self.send_and_decode::<OneOrder>(call).await?.order)
    }

    /// Fetches the fills of the account's orders that pass the filter, taker and maker alike.
    pub async fn fills(&self, filter: &FillFilter) -> Result<Vec<ApiFill>, ApiError> {
        let call = Call::for_read("/portfolio/fills")
            .with_query("limit", LIMIT)
            .with_some("ticker", filter.ticker.as_ref())
            .with_some("order_id", filter.order_id.as_ref())
            .with_some("min_ts", filter.since.map(seconds_of));
        Ok(self.all_pages::<FillsPage>(call).await?.items)
    }

    /// Positions in markets that are not paid out, those that are back at zero included.
    pub async fn positions(&self) -> Result<Vec<MarketPosition>, ApiError> {
        Ok(self
            .all_pages::<PositionsPage>(Call::for_read("/portfolio/positions").with_query("limit", LIMIT))
            .await?
            .items)
    }

    /// What settled markets paid, since a second or ever.
    pub async fn settlements(&self, since: Option<Timestamp>) -> Result<Vec<ApiSettlement>, ApiError> {
        let call = Call::for_read("/portfolio/settlements")
            .with_query("limit", SETTLEMENTS)
            .with_some("min_ts", since.map(seconds_of));
        Ok(self.all_pages::<SettlementsPage>(call).await?.items)
    }

    /// The cash. Asked more than once a second it waits.
    pub async fn balance(&self) -> Result<Balance, ApiError> {
        self.send_and_decode(Call { budget: RateBudget::Balance, ..Call::for_read("/portfolio/balance") })
            .await
    }

    /// How often the account may ask.
    pub async fn account_limits(&self) -> Result<AccountLimits, ApiError> {
        self.send_and_decode(Call::for_read("/account/limits")).await
    }

    /// Fetches how many tokens of the account's rate limit a request to each endpoint costs.
    pub async fn endpoint_costs(&self) -> Result<EndpointCosts, ApiError> {
        self.send_and_decode(Call::for_read("/account/endpoint_costs")).await
    }

    /// Asks for both, and keeps to them from now on instead of to the limits of the smallest account.
    pub async fn learn_limits(&self) -> Result<AccountLimits, ApiError> {
        let limits = self.account_limits().await?;
        let costs = self.endpoint_costs().await?;
        let now = self.time_since_start();
        self.lock_gate().limits.set_account_limits(&limits, costs, now);
        Ok(limits)
    }
}
