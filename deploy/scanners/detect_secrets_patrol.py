"""Finds access tokens of Patrol, besides everything that detect-secrets finds by default:

    detect-secrets scan --plugin detect_secrets_patrol.py

docs/SCANNERS.md explains the expression.
"""

import re

from detect_secrets.plugins.base import RegexBasedDetector


class PatrolDetector(RegexBasedDetector):
    secret_type = "Patrol Access Token"

    denylist = [
        re.compile(
            r"(?:patrol_eyJ[A-Za-z0-9_-]+|eyJ[A-Za-z0-9_-]*(?:cGF0K2p3d|BhdCtqd3|wYXQrand0)[A-Za-z0-9_-]*)\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{85}[AQgw]"
        ),
    ]
