"""The verbs and the rules. One container holds them, each given what it needs, over one database."""

from __future__ import annotations

from typing import Protocol

from peewee import Database

from reviva import signing
from reviva.config import Settings
from reviva.database import backup_schedule, connection
from reviva.services.audit import AuditService
from reviva.services.audit_seal import AuditSeal
from reviva.services.booking import BookingService
from reviva.services.booking_change import BookingChanges
from reviva.services.booking_draft import BookingDrafts
from reviva.services.booking_token import BookingTokens
from reviva.services.booking_work import BookingWork
from reviva.services.catalog import CatalogService
from reviva.services.catalog_change import CatalogChangeService
from reviva.services.customer import CustomerService
from reviva.services.delivery import DeliveryService
from reviva.services.demo import DemoService
from reviva.services.exchange import ExchangeService
from reviva.services.figure import FigureService
from reviva.services.health import HealthService
from reviva.services.housekeeping import Housekeeping
from reviva.services.index_advice import IndexAdvice
from reviva.services.letter import LetterService
from reviva.services.live import LiveService
from reviva.services.login import LoginService
from reviva.services.notification import NotificationService
from reviva.services.one_time import OneTimeLinks
from reviva.services.origin import OriginService
from reviva.services.password import Passwords
from reviva.services.preference import PreferenceService
from reviva.services.price_change import PriceChangeService
from reviva.services.pricing import PricingService
from reviva.services.pricing_change import PricingChangeService
from reviva.services.privacy import PrivacyService
from reviva.services.report import ReportService
from reviva.services.session import SessionService
from reviva.services.shop import ShopService
from reviva.services.shop_change import ShopChangeService
from reviva.services.simulation import SimulationService
from reviva.services.statement import StatementService
from reviva.services.throttle import Throttle
from reviva.services.user import UserService
from reviva.services.webhook import WebhookService
from reviva.services.webhook_delivery import WebhookDeliveries


class Driver(Protocol):
    """What calls services by itself, beside the requests."""

    def start(self) -> None:
        """Begins in the background."""

    def stop(self) -> None:
        """Ends, in bounded time."""


class Conversations(Driver, Protocol):
    """A driver that talks with clients for as long as they like."""

    def drain(self) -> None:
        """Ends what goes on with them, and lets nothing new begin."""


class Services:
    """Everything that the API and the command line call."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self.settings = settings
        self.database = database
        self.signer = signing.load(settings)
        self.audit = AuditService(database, self.signer)
        self.audit_seal = AuditSeal(database, self.signer)
        self.passwords = Passwords()
        self.links = OneTimeLinks(database, self.signer)
        self.sessions = SessionService(database, self.signer, self.audit)
        throttle = Throttle(database, self.signer)
        self.login = LoginService(database, self.audit, self.sessions, self.passwords, throttle, self.links)
        self.users = UserService(database, self.audit, self.sessions, self.passwords, self.login)
        self.booking_tokens = BookingTokens(database, self.signer, self.audit)
        self.notifications = NotificationService(database)
        self.customers = CustomerService(database, self.audit, self.notifications)
        self.preferences = PreferenceService(database, self.signer, self.audit)
        self.catalog = CatalogService(database)
        self.shops = ShopService(database)
        self.origins = OriginService(database)
        self.figures = FigureService(database)
        self.pricing = PricingService(database, self.signer)
        self.catalog_changes = CatalogChangeService(database, self.audit, self.catalog)
        self.price_changes = PriceChangeService(database, self.audit, self.catalog_changes, self.shops)
        self.shop_changes = ShopChangeService(database, self.audit, self.origins, self.figures)
        self.pricing_changes = PricingChangeService(database, self.audit)
        self.simulation = SimulationService(database, self.pricing_changes, self.shops)
        self.deliveries = DeliveryService(database, self.audit)
        self.letters = LetterService(database, settings, self.signer, self.links)
        self.bookings = BookingService(
            database, self.signer, self.audit, self.catalog, self.shops, self.pricing, self.notifications,
            throttle if settings.rate_limit == "on" else None,
        )  # fmt: skip
        self.drafts = BookingDrafts(self.bookings)
        self.booking_changes = BookingChanges(self.bookings, self.drafts, self.notifications)
        self.booking_work = BookingWork(self.bookings, self.drafts, self.figures)
        self.webhooks = WebhookService(database, self.signer, self.audit)
        self.webhook_deliveries = WebhookDeliveries(database, self.signer, self.audit)
        self.live = LiveService(database, self.sessions, self.booking_tokens)
        self.privacy = PrivacyService(database, self.audit, self.notifications, throttle, settings.retention_months)
        self.reports = ReportService(database, self.figures)
        self.housekeeping = Housekeeping(
            database, self.audit_seal, self.privacy, self.origins, self.drafts, self.figures, self.live
        )
        self.backups = backup_schedule.Keeper(settings)
        self.health = HealthService(settings, database)
        self.index_advice = IndexAdvice(database)
        self.exchange = ExchangeService(database, self.audit, self.catalog_changes, self.pricing_changes)
        self.demo = DemoService(database, self.audit, self.figures)
        self.statements = StatementService(database, settings.slow_query_ms)
        self.drivers: list[Driver] = []
        """Filled by whoever builds the process, since they stand above the services."""
        self.sockets: Conversations | None = None
        """The same: whoever serves live events. One of the drivers."""

    def start(self) -> None:
        """In a worker, before the first request: what goes on in the background begins."""
        connection.begin(self.database)
        self.statements.start()
        self.housekeeping.start()
        self.backups.start()
        for driver in self.drivers:
            driver.start()

    def drain(self) -> None:
        """The worker was told to stop: what would never end by itself ends now."""
        if self.sockets:
            self.sockets.drain()

    def stop(self) -> None:
        """After the last request."""
        connection.hurry(self.database)
        for driver in self.drivers:
            driver.stop()
        self.backups.stop()
        self.housekeeping.stop()
        self.statements.stop()
        connection.end(self.database)
