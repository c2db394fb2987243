//! Writes: orders and order groups. None of them is ever repeated here. Orders are read in `portfolio.rs`.
#![expect(clippy::missing_errors_doc, reason = "every request fails in the ways of `ApiError`")]

use reqwest::Method;
use serde::Serialize;

use super::call::{Call, path_segment};
use super::{ApiError, Rest};
use crate::domain::Contracts;
use crate::kalshi::number::contracts_text;
use crate::kalshi::wire::{
    AmendOrder, Amended, BatchCancelledList, BatchCreatedList, BatchItem, CancelItem, Cancelled, CreateOrder,
    CreatedOrder, Decreased, OrderGroup, OrderGroupCreated,
};

const ORDERS: &str = "/portfolio/events/orders";
const BATCH: &str = "/portfolio/events/orders/batched";
const GROUPS: &str = "/portfolio/order_groups";
/// The whole path of a new order: what its signature covers.
pub(super) const CREATE_PATH: &str = "/trade-api/v2/portfolio/events/orders";

/// How an order is made smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decrease {
    /// Take so many contracts off what still rests: JSON `reduce_by`.
    By(Contracts),
    /// Leave so many contracts resting: JSON `reduce_to`.
    To(Contracts),
}

#[derive(Serialize)]
struct DecreaseBody<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    reduce_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reduce_to: Option<String>,
    market_ticker: &'a str,
}

#[derive(Serialize)]
struct BatchBody<'a, T> {
    orders: &'a [T],
}

#[derive(Serialize)]
struct GroupBody {
    contracts_limit_fp: String,
}

#[derive(Serialize)]
struct Nothing {}

impl Rest {
    /// Keeps a signature for the next new order in store, so that signing does not delay it. Must be
    /// called within the runtime; lasts until [`disarm_signatures`](Self::disarm_signatures).
    pub fn arm_signatures(&self) {
        if let Some(credentials) = &self.inner.credentials {
            self.inner.signatures.start_signing(credentials.clone(), "POST", CREATE_PATH);
        }
    }

    /// Stops keeping a signature in store, and drops the one that is there.
    pub fn disarm_signatures(&self) {
        self.inner.signatures.stop_signing();
    }

    /// Places an order. The answer says how much of it traded at once and how much remains.
    pub async fn create_order(&self, order: &CreateOrder) -> Result<CreatedOrder, ApiError> {
        self.send_and_decode(Call::for_write(Method::POST, ORDERS).with_json(order)).await
    }

    /// Changes the price or size of a resting order.
    pub async fn amend_order(&self, order_id: &str, change: &AmendOrder) -> Result<Amended, ApiError> {
        let path = format!("{ORDERS}/{}/amend", path_segment(order_id)?);
        self.send_and_decode(Call::for_write(Method::POST, path).with_json(change)).await
    }

    /// Makes a resting order smaller; it keeps its place in the queue.
    pub async fn decrease_order(
        &self,
        order_id: &str,
        market_ticker: &str,
        decrease: Decrease,
    ) -> Result<Decreased, ApiError> {
        let (reduce_by, reduce_to) = match decrease {
            Decrease::By(count) => (Some(contracts_text(count)), None),
            Decrease::To(count) => (None, Some(contracts_text(count))),
        };
        let path = format!("{ORDERS}/{}/decrease", path_segment(order_id)?);
        let body = DecreaseBody { reduce_by, reduce_to, market_ticker };
        self.send_and_decode(Call::for_write(Method::POST, path).with_json(&body)).await
    }

    /// Takes back what is left of an order. A refusal with 404 does not tell whether it was filled or
    /// cancelled before.
    pub async fn cancel_order(&self, order_id: &str, market_ticker: &str) -> Result<Cancelled, ApiError> {
        let path = format!("{ORDERS}/{}", path_segment(order_id)?);
        self.send_and_decode(Call::for_write(Method::DELETE, path).with_query("market_ticker", market_ticker))
            .await
    }

    /// Takes back all orders of the account. It may also catch orders placed within the next minute.
    pub async fn cancel_all(&self) -> Result<(), ApiError> {
        self.send_with_retries(&Call::for_write(Method::DELETE, ORDERS)).await.map(drop)
    }

    /// Places several orders; each has its own outcome, in the order given.
    pub async fn batch_create(
        &self,
        orders: &[CreateOrder],
    ) -> Result<Vec<BatchItem<CreatedOrder>>, ApiError> {
        let call = self.batch_call(Method::POST, orders)?;
        let expected = orders.len();
        let answers = self.send_and_decode::<BatchCreatedList>(call.clone()).await?.orders;
        check_answer_count(&call, answers, expected)
    }

    /// Takes back several orders; each has its own outcome, in the order given.
    pub async fn batch_cancel(&self, orders: &[CancelItem]) -> Result<Vec<BatchItem<Cancelled>>, ApiError> {
        let call = self.batch_call(Method::DELETE, orders)?;
        let expected = orders.len();
        let answers = self.send_and_decode::<BatchCancelledList>(call.clone()).await?.orders;
        check_answer_count(&call, answers, expected)
    }

    fn batch_call<T: Serialize>(&self, method: Method, orders: &[T]) -> Result<Call, ApiError> {
        let mut call = Call::for_write(method, BATCH).with_json(&BatchBody { orders });
        call.items = u32::try_from(orders.len()).unwrap_or(u32::MAX);
        let limits = &self.lock_gate().limits;
        let cost = limits.request_cost(call.method.as_str(), &call.path).saturating_mul(call.items);
        let most = limits.write_capacity();
        if cost > most {
            let endpoint = call.endpoint();
            let text =
                format!("{endpoint}: costs {cost} of at most {most} tokens; send fewer orders at once");
            return Err(ApiError::NotSent(text));
        }
        Ok(call)
    }

    /// Makes a group that may trade `limit` contracts within 15 seconds, and gives its id. When it trades
    /// more, its orders are cancelled and no more are taken until it is reset.
    pub async fn create_order_group(&self, limit: Contracts) -> Result<String, ApiError> {
        let body = GroupBody { contracts_limit_fp: contracts_text(limit) };
        let call = Call::for_write(Method::POST, format!("{GROUPS}/create")).with_json(&body);
        Ok(self.send_and_decode::<OrderGroupCreated>(call).await?.order_group_id)
    }

    /// Fetches an order group by its id: its limit, its orders, and whether it was tripped.
    pub async fn order_group(&self, id: &str) -> Result<OrderGroup, ApiError> {
        self.send_and_decode(Call::for_read(format!("{GROUPS}/{}", path_segment(id)?))).await
    }

    /// Resets an order group that was tripped, so that it takes orders again.
    pub async fn reset_order_group(&self, id: &str) -> Result<(), ApiError> {
        self.change_group(id, "reset").await
    }

    /// Cancels a group's orders and takes no more until it is reset.
    pub async fn trigger_order_group(&self, id: &str) -> Result<(), ApiError> {
        self.change_group(id, "trigger").await
    }

    /// Deletes a group, and with it its orders.
    pub async fn delete_order_group(&self, id: &str) -> Result<(), ApiError> {
        let call = Call::for_write(Method::DELETE, format!("{GROUPS}/{}", path_segment(id)?));
        self.send_with_retries(&call).await.map(drop)
    }

    async fn change_group(&self, id: &str, change: &str) -> Result<(), ApiError> {
        let path = format!("{GROUPS}/{}/{change}", path_segment(id)?);
        self.send_with_retries(&Call::for_write(Method::PUT, path).with_json(&Nothing {})).await.map(drop)
    }
}

/// One answer for each order of a batch, or it is not known which is whose.
fn check_answer_count<T>(call: &Call, answers: Vec<T>, expected: usize) -> Result<Vec<T>, ApiError> {
    if answers.len() == expected {
        return Ok(answers);
    }
    let (endpoint, got) = (call.endpoint(), answers.len());
    Err(ApiError::Unknown(format!("{endpoint}: {got} answers to {expected} orders")))
}
