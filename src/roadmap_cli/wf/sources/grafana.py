"""Grafana's alert notifications (webhook contact point): one event for each alert.

Source: https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from roadmap_cli.core.errors import DataError
from roadmap_cli.core.records import Record
from roadmap_cli.wf import events
from roadmap_cli.wf.sources import alertmanager

HEADERS: tuple[str, ...] = ()
#: Where Grafana puts its signature, if it is told to sign.
SIGNATURE = "X-Grafana-Alerting-Signature"


def read(body: bytes, headers: Mapping[str, str], at: datetime) -> list[Record]:
    """The alerts of one notification. Those that it left out are noted in each event as truncated_alerts_count."""
    found = events.parsed(body)
    if found.get("version") != "1" or "orgId" not in found:
        raise DataError("not a notification of Grafana's alerting (version '1')", code="bad_version")
    shared = {
        "receiver": found.get("receiver"),
        "group_key": found.get("groupKey"),
        "group_labels": found.get("groupLabels"),
        "external_url": found.get("externalURL"),
        "org_id": found.get("orgId"),
        "title": found.get("title"),
        "truncated_alerts_count": found.get("truncatedAlerts") or None,
    }
    return alertmanager.alerts(found, "grafana", {k: v for k, v in shared.items() if v is not None}, at)
