"""What a secret looks like, so that none stands in config.toml and none reaches a log."""

import re

SECRET = re.compile(
    r"""
    \b(?:sk|pk|rk|gsk|hf|xai|r8|ghp|gho|ghs|github_pat|glpat|xox[abp])[-_][A-Za-z0-9_\-]{12,}  # vendor prefixes
    | \bAIza[A-Za-z0-9_\-]{30,}                                             # Google
    | \beyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]*          # JSON web tokens
    | \b[A-Za-z0-9_\-]{23,28}\.[A-Za-z0-9_\-]{6,7}\.[A-Za-z0-9_\-]{27,}     # Discord bot tokens
    | \bmfa\.[A-Za-z0-9_\-]{20,}                                            # Discord user tokens
    """,
    re.VERBOSE,
)

SECRET_NAME = re.compile(r"(?:^|[_\-])(?:api_?key|key|token|secret|password|passwd|credentials?)$", re.IGNORECASE)
