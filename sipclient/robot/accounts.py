"""From `[accounts.NAME]` to the accounts of a Client."""

from __future__ import annotations

import os

from sipclient.config import AccountConfig, Config
from sipclient.protocol.account import Account


def accounts_of(config: Config, folder: str) -> dict[str, Account]:
    """Every account of the file, by name. `folder` is where relative paths in it begin."""
    browsers = config.listen is not None
    return {name: account_of(name, each, folder, browsers=browsers) for name, each in config.accounts.items()}


def account_of(name: str, config: AccountConfig, folder: str, *, browsers: bool = False) -> Account:
    """One account. The values lose their own types here: the engine knows plain ones."""
    return Account(
        str(config.address),
        name=name,
        password=str(config.password),
        username=str(config.username),
        realm=str(config.realm),
        display_name=str(config.display_name),
        server=str(config.server),
        local=str(config.local),
        expires=float(config.expires),
        register=config.register,
        identity=tuple(map(str, config.identity)),
        media=str(config.media),
        keepalive=float(config.keepalive),
        peers=tuple(map(str, config.peers)),
        browsers=browsers,
        tls_ca=os.path.join(folder, str(config.tls_ca)) if config.tls_ca else "",
        tls_verify=config.tls_verify,
        require_strong_digest=config.require_strong_digest,
        codecs=tuple(map(str, config.codecs)),
        rtp_ports=(config.rtp_ports.low, config.rtp_ports.high),
        dscp=int(config.dscp),
        public_address=str(config.public_address),
        stun=str(config.stun),
        turn=str(config.turn.url) if config.turn else "",
        turn_username=str(config.turn.username) if config.turn else "",
        turn_password=str(config.turn.password) if config.turn else "",
        refer=str(config.refer),
    )
