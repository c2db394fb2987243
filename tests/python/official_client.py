"""The exchange's official Python client, unmodified, against a running sandbox.

    pip install --ignore-requires-python kalshi-python-sync==3.34.0 lazy-imports
    python tests/python/official_client.py keygen rsa.pem rsa.pub.pem     # an RSA key for --key-in
    python tests/python/official_client.py run http://127.0.0.1:PORT KEY_ID KEY.pem

`run` lists markets, places, reads, amends, decreases and cancels an order, trades, and reads the portfolio.
It ends with `ok`, or with the first answer the client's models do not accept.
"""

import sys
import uuid


def keygen(private, public):
    from cryptography.hazmat.primitives import serialization as s
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(65537, 2048)
    with open(private, "wb") as file:
        file.write(key.private_bytes(s.Encoding.PEM, s.PrivateFormat.TraditionalOpenSSL, s.NoEncryption()))
    with open(public, "wb") as file:
        file.write(key.public_key().public_bytes(s.Encoding.PEM, s.PublicFormat.SubjectPublicKeyInfo))


def run(url, key_id, key_path):
    from kalshi_python_sync import Configuration, KalshiClient
    from kalshi_python_sync.exceptions import ApiException

    configuration = Configuration(host=f"{url}/trade-api/v2")
    configuration.api_key_id = key_id
    with open(key_path) as file:
        configuration.private_key_pem = file.read()
    client = KalshiClient(configuration)

    def step(name, value):
        print(f"{name:<12} {value}")
        return value

    def order(side, count, price, life="good_till_canceled"):
        return client.create_order_v2(
            ticker=market.ticker, side=side, count=count, price=price, time_in_force=life,
            self_trade_prevention_type="taker_at_cross", client_order_id=str(uuid.uuid4()))

    step("status", client.get_exchange_status().trading_active)
    step("schedule", len(client.get_exchange_schedule().schedule.standard_hours))
    markets = client.get_markets(limit=10, status="open").markets
    market = step("market", markets[0].ticker) and markets[0]
    step("quote", (market.yes_bid_dollars, market.yes_ask_dollars))
    event = client.get_event(market.event_ticker)
    step("event", event.event.title)
    step("series", client.get_series(event.event.series_ticker).series.fee_type)
    step("book", client.get_market_orderbook(market.ticker).orderbook_fp)
    step("tier", client.get_account_api_limits().usage_tier)
    step("balance", client.get_balance().balance_dollars)

    placed = order("bid", "10.00", "0.0100")
    step("placed", (placed.order_id, placed.fill_count, placed.remaining_count))
    read = client.get_order(placed.order_id).order
    step("read", (read.status, read.yes_price_dollars, read.remaining_count_fp))
    amended = client.amend_order_v2(
        placed.order_id, ticker=market.ticker, side="bid", price="0.0200", count="8.00")
    step("amended", (amended.order_id == placed.order_id, amended.remaining_count))
    decreased = client.decrease_order_v2(placed.order_id, reduce_by="3.00", market_ticker=market.ticker)
    step("decreased", decreased.remaining_count)
    canceled = client.cancel_order_v2(placed.order_id, market_ticker=market.ticker)
    step("canceled", canceled.reduced_by)
    step("orders", [(o.status.value, o.remaining_count_fp) for o in client.get_orders().orders])
    try:
        client.cancel_order_v2(placed.order_id, market_ticker=market.ticker)
        raise SystemExit("a second cancel was accepted")
    except ApiException as error:
        step("again", (error.status, error.body))

    taken = order("bid", "1.00", "0.9900", "immediate_or_cancel")
    step("taken", (taken.fill_count, taken.average_fill_price, taken.average_fee_paid))
    step("fills", [(f.count_fp, f.yes_price_dollars, f.fee_cost) for f in client.get_fills().fills])
    step("positions", [(p.ticker, p.position_fp) for p in client.get_positions().market_positions])
    step("trades", len(client.get_trades(limit=5).trades))
    step("settlements", len(client.get_settlements().settlements))
    print("ok")


if __name__ == "__main__":
    {"keygen": keygen, "run": run}[sys.argv[1]](*sys.argv[2:])
