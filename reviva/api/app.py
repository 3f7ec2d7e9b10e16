"""The whole URL table, and the application made from it."""

from __future__ import annotations

from functools import cache
from typing import Any

from reviva.api import (
    audit,
    auth,
    booking,
    booking_change,
    booking_token,
    catalog,
    catalog_change,
    customer,
    dashboard,
    health,
    index_advice,
    live,
    metrics,
    notification,
    openapi,
    preference,
    pricing,
    report,
    shop,
    statement,
    static,
    user,
    webhook,
    who,
)
from reviva.api.call import Call, Handler
from reviva.api.catalog import ModelFilter
from reviva.api.dispatch import Application
from reviva.api.endpoint import PUBLIC, Endpoint, delete, get, patch, post, put
from reviva.api.ratelimit import Rate
from reviva.api.render import to_json
from reviva.api.serving import Hooks
from reviva.api.shapes import (
    Availability,
    Booking,
    BookingSummary,
    BrandDetail,
    CategoryDetail,
    Counted,
    Factor,
    Items,
    Listed,
    ModelDetail,
    ModelRecord,
    ModelSummary,
    NewBooking,
    PriceList,
    Quote,
    Repair,
    RepairDetail,
    Rule,
    Shop,
    Simulation,
    StepReport,
)
from reviva.services.access import Permission as MAY

A_WHILE = "public, max-age=300"
FIVE_A_SECOND = Rate(300, 60)
A_FEW = Rate(30, 60)
VERY_FEW = Rate(5, 60)


def describe(call: Call) -> bytes:
    """This document."""
    return _document()


@cache
def _document() -> bytes:
    return to_json(openapi.document(ROUTES))


def page(path: str, content: str | Handler, cache: str | None = A_WHILE) -> Endpoint:
    """A file of `reviva/web`, or what a handler of `static` makes of some, under a path of its own."""
    handler = static.file(content) if isinstance(content, str) else content
    return get(path, handler, PUBLIC, query=static.PageQuery, database=False, cache=cache, documented=False)


BASE = [f"booking/{each}" for each in (
    "style.css", "dom.js", "client.js", "digits.js", "locale.js", "words_en.js", "words_de.js", "words_fr.js",
    "names.js", "host.js", "quote.js", "times.js",
)]  # fmt: skip
"""What the element and the hosted pages share."""
STEPS = [f"booking/{each}.js" for each in ("device", "repairs", "details", "kept", "element")]
BOOK = static.framed("pages/book.html")
TRACK = static.drawn("Your repair", "track.js", "To see your booking")
ONE: Any = {"answer": Booking, "tells": ("ETag",)}
"""A booking under its version."""
FRESH = "no-cache"
"""Asked for again each time, by its ETag: who may frame a page may change."""


# fmt: off
ROUTES: tuple[Endpoint, ...] = (
    get("/api/catalog/categories", catalog.list_categories, PUBLIC, query=catalog.Categories,
        answer=Listed[Counted], cache=A_WHILE),
    get("/api/catalog/brands", catalog.list_brands, PUBLIC, query=catalog.Brands, answer=Listed[Counted],
        cache=A_WHILE),
    get("/api/catalog/models", catalog.list_models, PUBLIC, query=ModelFilter, answer=Listed[ModelSummary],
        cache=A_WHILE),
    get("/api/catalog/models/{slug}", catalog.read_model, PUBLIC, query=catalog.AtShop, answer=ModelDetail,
        cache=A_WHILE),
    get("/api/catalog/repairs", catalog.list_repairs, PUBLIC, query=catalog.Repairs, answer=Listed[Repair],
        cache=A_WHILE),

    post("/api/catalog/categories", catalog_change.add_category, MAY.CATALOG_CHANGE, body=catalog_change.CategoryBody,
        answer=CategoryDetail, status=201, errors=(409,)),
    patch("/api/catalog/categories/{slug}", catalog_change.change_category, MAY.CATALOG_CHANGE,
        body=catalog_change.CategoryChange, answer=CategoryDetail),
    post("/api/catalog/brands", catalog_change.add_brand, MAY.CATALOG_CHANGE, body=catalog_change.BrandBody,
        answer=BrandDetail, status=201, errors=(409,)),
    patch("/api/catalog/brands/{slug}", catalog_change.change_brand, MAY.CATALOG_CHANGE,
        body=catalog_change.BrandChange, answer=BrandDetail),
    post("/api/catalog/models", catalog_change.add_model, MAY.CATALOG_CHANGE, body=catalog_change.ModelBody,
        answer=ModelRecord, status=201, errors=(409,)),
    patch("/api/catalog/models/{slug}", catalog_change.change_model, MAY.CATALOG_CHANGE,
        body=catalog_change.ModelChange, answer=ModelRecord, errors=(409,)),
    get("/api/catalog/models/{slug}/prices", catalog_change.read_prices, MAY.PRICES_CHANGE, answer=PriceList),
    put("/api/catalog/models/{slug}/prices", catalog_change.set_prices, MAY.PRICES_CHANGE,
        body=catalog_change.PriceListBody, answer=PriceList, errors=(409,)),
    post("/api/catalog/repairs", catalog_change.add_repair, MAY.CATALOG_CHANGE, body=catalog_change.RepairBody,
        answer=RepairDetail, status=201, errors=(409,)),
    patch("/api/catalog/repairs/{category}/{slug}", catalog_change.change_repair, MAY.CATALOG_CHANGE,
        body=catalog_change.RepairFields, answer=RepairDetail),

    post("/api/quotes", booking.make_quote, PUBLIC, body=booking.QuoteBody, doubts=booking.QUESTION,
         answer=Quote),
    get("/api/availability", booking.list_slots, PUBLIC, query=booking.AvailabilityQuery,
        doubts=booking.QUESTION, answer=Availability),
    post("/api/bookings", booking.make_booking, PUBLIC, body=booking.NewBookingBody,
         doubts=booking.ORDER, answer=NewBooking, status=201, asks=("Idempotency-Key",),
         tells=("ETag", "Idempotency-Replayed"), errors=(409,)),
    get("/api/bookings", booking.list_bookings, MAY.SELF, query=booking.BookingFilter, answer=Listed[BookingSummary]),
    post("/api/bookings/bulk/status", booking_change.set_statuses, MAY.BOOKINGS_WORK, body=booking_change.BulkBody,
         answer=Items[StepReport]),
    get("/api/bookings/{reference}", booking.read_booking, MAY.BOOKING_OWN, **ONE),
    patch("/api/bookings/{reference}", booking_change.amend, MAY.BOOKING_OWN, body=booking_change.PatchBody,
          doubts=booking.ORDER, **ONE, errors=(409,)),
    post("/api/bookings/{reference}/confirm", booking_change.confirm, MAY.BOOKING_OWN, body=booking_change.Change,
         optional_body=True, **ONE, errors=(409,)),
    post("/api/bookings/{reference}/reschedule", booking_change.reschedule, MAY.BOOKING_OWN,
         body=booking_change.RescheduleBody, **ONE, errors=(409,)),
    post("/api/bookings/{reference}/cancel", booking_change.cancel, MAY.BOOKING_OWN, body=booking_change.CancelBody,
         optional_body=True, **ONE, errors=(409,)),
    post("/api/bookings/{reference}/approve", booking_change.approve, MAY.BOOKING_OWN, body=booking_change.AnswerBody,
         optional_body=True, **ONE, errors=(409,)),
    post("/api/bookings/{reference}/decline", booking_change.decline, MAY.BOOKING_OWN, body=booking_change.AnswerBody,
         optional_body=True, **ONE, errors=(409,)),
    post("/api/bookings/{reference}/status", booking_change.set_status, MAY.BOOKINGS_WORK,
         body=booking_change.StatusBody, **ONE, errors=(409,)),
    post("/api/bookings/{reference}/assign", booking_change.assign, MAY.BOOKINGS_WORK, body=booking_change.AssignBody,
         **ONE, errors=(409,)),
    get("/api/bookings/{reference}/calendar.ics", booking_change.calendar, MAY.BOOKING_OWN,
        content_type="text/calendar; charset=utf-8", errors=(409,)),

    post("/api/auth/login", auth.login, PUBLIC, body=auth.Login, answer=auth.LoginAnswer, rate=A_FEW, database=False,
        errors=(401,)),
    post("/api/auth/logout", auth.logout, MAY.SELF, status=204),
    get("/api/auth/me", auth.me, MAY.SELF, answer=auth.MeAnswer),
    get("/api/auth/sessions", auth.sessions, MAY.SELF, answer=auth.SessionList),
    delete("/api/auth/sessions", auth.end_others, MAY.SELF, answer=auth.Ended, status=200),
    delete("/api/auth/sessions/{id}", auth.end_session, MAY.SELF),
    post("/api/auth/password", auth.change_password, MAY.SELF, body=auth.NewPassword, status=204, rate=A_FEW),
    post("/api/auth/password-reset", auth.ask_reset, PUBLIC, body=auth.Forgotten, answer=booking_token.Accepted,
        status=202, rate=VERY_FEW, database=False),
    post("/api/auth/password-reset/confirm", auth.reset, PUBLIC, body=auth.Reset, status=204, rate=A_FEW,
        database=False),

    get("/api/users", user.users, MAY.USERS_READ, query=user.Users, answer=Listed[user.UserAnswer]),
    post("/api/users", user.add, MAY.USERS_CHANGE, body=user.NewUser, answer=user.UserAnswer, status=201,
        errors=(409,)),
    get("/api/users/{id}", user.user, MAY.USERS_READ, answer=user.UserAnswer),
    patch("/api/users/{id}", user.change, MAY.USERS_CHANGE, body=user.UserChange, answer=user.UserAnswer,
        errors=(409,)),
    get("/api/sessions", user.sessions, MAY.USERS_CHANGE, query=user.Sessions, answer=Listed[user.SessionAnswer]),
    delete("/api/sessions/{id}", user.end_session, MAY.USERS_CHANGE),

    get("/api/customers", customer.customers, MAY.CUSTOMERS_READ, query=customer.Customers,
        answer=Listed[customer.CustomerSummary]),
    get("/api/customers/{id}", customer.customer, MAY.CUSTOMERS_READ, answer=customer.CustomerAnswer),
    patch("/api/customers/{id}", customer.change, MAY.CUSTOMERS_CHANGE, body=customer.CustomerChange,
        answer=customer.CustomerAnswer, errors=(409,)),
    post("/api/customers/{id}/merge", customer.merge, MAY.CUSTOMERS_ERASE, body=customer.Merge,
        answer=customer.CustomerAnswer, errors=(409,)),
    get("/api/customers/{id}/export", customer.export, MAY.CUSTOMERS_ERASE, answer=dict[str, Any]),
    post("/api/customers/{id}/anonymize", customer.anonymize, MAY.CUSTOMERS_ERASE,
        answer=customer.CustomerAnswer, errors=(409,)),

    post("/api/bookings/find", booking_token.find, PUBLIC, body=booking_token.Find, answer=booking_token.Accepted,
        status=202, rate=VERY_FEW),
    post("/api/bookings/{reference}/token", booking_token.renew, MAY.BOOKING_OWN, answer=booking_token.TokenAnswer),

    get("/api/bookings/{reference}/preferences", preference.of_booking, MAY.BOOKING_OWN,
        answer=Items[preference.ChoiceAnswer]),
    put("/api/bookings/{reference}/preferences", preference.set_for_booking, MAY.BOOKING_OWN, body=preference.Choices,
        answer=Items[preference.ChoiceAnswer]),
    get("/api/customers/{id}/preferences", preference.of_customer, MAY.CUSTOMERS_READ,
        answer=Items[preference.ChoiceAnswer]),
    put("/api/customers/{id}/preferences", preference.set_for_customer, MAY.CUSTOMERS_CHANGE, body=preference.Choices,
        answer=Items[preference.ChoiceAnswer], errors=(409,)),

    post("/unsubscribe", preference.unsubscribe, PUBLIC, status=204, rate=A_FEW),

    get("/api/notifications", notification.notifications, MAY.NOTIFICATIONS_READ, query=notification.Notifications,
        answer=Listed[notification.NotificationAnswer]),
    post("/api/notifications/{id}/retry", notification.retry, MAY.NOTIFICATIONS_CHANGE,
        answer=notification.NotificationAnswer, errors=(409,)),
    post("/api/notifications/{id}/cancel", notification.cancel, MAY.NOTIFICATIONS_CHANGE,
        answer=notification.NotificationAnswer, errors=(409,)),

    get("/api/webhooks", webhook.list_webhooks, MAY.WEBHOOKS_CHANGE, query=webhook.Webhooks,
        answer=Listed[webhook.Webhook]),
    post("/api/webhooks", webhook.add_webhook, MAY.WEBHOOKS_CHANGE, body=webhook.WebhookBody,
        answer=webhook.NewWebhook, status=201),
    get("/api/webhooks/{id}", webhook.read_webhook, MAY.WEBHOOKS_CHANGE, answer=webhook.Webhook),
    patch("/api/webhooks/{id}", webhook.change_webhook, MAY.WEBHOOKS_CHANGE, body=webhook.WebhookChange,
        answer=webhook.Webhook, errors=(409,)),
    delete("/api/webhooks/{id}", webhook.remove_webhook, MAY.WEBHOOKS_CHANGE, asks=("If-Match",), errors=(409,)),
    post("/api/webhooks/{id}/secret", webhook.renew_secret, MAY.WEBHOOKS_CHANGE, answer=webhook.SecretAnswer),
    post("/api/webhooks/{id}/test", webhook.test_webhook, MAY.WEBHOOKS_CHANGE, answer=webhook.Delivery, status=202,
        rate=A_FEW, errors=(409,)),
    get("/api/webhooks/{id}/deliveries", webhook.list_deliveries, MAY.WEBHOOKS_CHANGE, query=webhook.Deliveries,
        answer=Listed[webhook.Delivery]),
    post("/api/webhooks/{id}/deliveries/{delivery}/retry", webhook.retry_delivery, MAY.WEBHOOKS_CHANGE,
        answer=webhook.Delivery, status=202, errors=(409,)),

    get("/api/audit", audit.rows, MAY.AUDIT_READ, query=audit.Rows, answer=Listed[audit.AuditAnswer]),
    get("/api/audit/verify", audit.verify, MAY.AUDIT_READ, answer=audit.VerdictAnswer),

    get("/api/dashboard", dashboard.read, MAY.DASHBOARD_READ, query=dashboard.DashboardQuery,
        answer=dashboard.Dashboard),

    get("/api/reports", report.read, MAY.DASHBOARD_READ, query=report.ReportQuery, answer=report.Report),
    get("/api/reports.csv", report.download, MAY.DASHBOARD_READ, query=report.ReportQuery,
        content_type="text/csv; charset=utf-8"),

    get("/api/shops", shop.list_shops, MAY.SHOPS_READ, query=shop.Shops, answer=Listed[Shop]),
    post("/api/shops", shop.add_shop, MAY.SHOPS_CHANGE, body=shop.ShopBody, answer=Shop, status=201, errors=(409,)),
    get("/api/shops/{slug}", shop.read_shop, MAY.SHOPS_READ, answer=Shop),
    patch("/api/shops/{slug}", shop.change_shop, MAY.SHOPS_CHANGE, body=shop.ShopChange, answer=Shop, errors=(409,)),

    get("/api/pricing/rules", pricing.list_rules, MAY.PRICES_CHANGE, query=pricing.Rules, answer=Listed[Rule]),
    post("/api/pricing/rules", pricing.add_rule, MAY.PRICES_CHANGE, body=pricing.RuleBody, answer=Rule, status=201),
    get("/api/pricing/rules/{id}", pricing.read_rule, MAY.PRICES_CHANGE, answer=Rule),
    patch("/api/pricing/rules/{id}", pricing.change_rule, MAY.PRICES_CHANGE, body=pricing.RuleChange, answer=Rule,
        errors=(409,)),
    delete("/api/pricing/rules/{id}", pricing.remove_rule, MAY.PRICES_CHANGE, asks=("If-Match",), errors=(409,)),
    get("/api/pricing/factors", pricing.list_factors, MAY.PRICES_CHANGE, query=pricing.Factors, answer=Listed[Factor]),
    get("/api/pricing/factors/{key}", pricing.read_factor, MAY.PRICES_CHANGE, answer=Factor),
    put("/api/pricing/factors/{key}", pricing.set_factor, MAY.PRICES_CHANGE, body=pricing.FactorBody, answer=Factor,
        errors=(409,)),
    post("/api/pricing/simulate", pricing.simulate, MAY.PRICES_CHANGE, body=pricing.SimulationBody, answer=Simulation,
        errors=(404,)),

    get("/api/database/health", health.database, PUBLIC, database=False, answer=health.Health, errors=(503,)),
    post("/api/database/health", health.initialise, MAY.DATABASE_CHANGE, answer=health.Health, errors=(503,)),
    get("/api/database/queries", statement.queries, MAY.DATABASE_CHANGE, query=statement.Statements,
        answer=Listed[statement.StatementItem]),
    get("/api/database/indexes", index_advice.indexes, MAY.DATABASE_CHANGE, answer=index_advice.IndexList, rate=A_FEW),

    get("/api/live", live.connect, PUBLIC, query=live.LiveQuery, database=False, upgrade=True, status=101,
        errors=(401, 403, 426, 503)),
    get("/api/live/sessions", live.sessions, MAY.USERS_CHANGE, query=live.LiveSessions,
        answer=Listed[live.LiveSessionItem]),

    get("/healthz", health.alive, PUBLIC, database=False, counted=False),
    get("/readyz", health.ready, PUBLIC, database=False, counted=False, errors=(503,)),
    get("/metrics", health.measured, PUBLIC, database=False, counted=False, rate=FIVE_A_SECOND,
        content_type=metrics.CONTENT_TYPE),
    get("/api/openapi.json", describe, PUBLIC, database=False, cache=A_WHILE),
    page("/staff", "staff.html"),
    get("/staff/{file}", static.folder("staff"), PUBLIC, database=False, cache=A_WHILE, documented=False),
    page("/widget.js", static.script(*BASE, *STEPS, **static.EVERYWHERE)),
    page("/", BOOK, FRESH), page("/book", BOOK, FRESH), page("/pages/book.js", "pages/book.js"),
    page("/track", TRACK, None), page("/track/{reference}", TRACK, None),
    page("/pages/live.js", "pages/live.js"), page("/pages/digits.js", "booking/digits.js"),
    page("/pages/track.js", static.script(*BASE, "pages/page.js", "pages/live.js", "pages/track.js")),
    page("/reset", static.drawn("Set your password", "reset.js", "To set your password"), None),
    page("/pages/reset.js", static.script(*BASE, "pages/page.js", "pages/reset.js")),
    page("/unsubscribe", static.drawn("Mails you can do without", "unsubscribe.js", "To end these mails"), None),
    page("/pages/unsubscribe.js", static.script(*BASE, "pages/page.js", "pages/unsubscribe.js")),
    page("/pages/page.css", "pages/page.css"),
    page("/api/docs", "docs.html"), page("/api/docs/docs.js", "docs.js"), page("/api/docs/docs.css", "docs.css"),
)
# fmt: on


def create_app(services: Any, hooks: Hooks | None = None) -> Application:
    """The WSGI application over `services`."""
    services.statements.told = metrics.count_statements
    services.webhook_deliveries.told = metrics.count_webhook
    if keeper := getattr(services.database, "keeper", None):
        keeper.told = metrics.PoolMetrics().show
    return Application(services, ROUTES, hooks or Hooks(who.authenticate, services.origins.allows))
