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
            r"(?:patrol_eyJ[\w-]+|eyJ[\w-]*(?:cGF0K2p3d|BhdCtqd3|wYXQrand0)[\w-]*)\.[\w-]+\.[\w-]{85}[AQgw]"
        ),
    ]
