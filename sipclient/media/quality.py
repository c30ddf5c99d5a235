"""How a call sounds, estimated from what was lost and how late it was: the E-model. ITU-T G.107. Pure.

It is the model's narrowband form with every setting it does not hear about at its default, so a rating tells
calls apart; it is no judgement of the voice in them.
"""

from __future__ import annotations

import math

_BEST = 93.2  # Ro - Is with every parameter at its default (G.107, table 3)
_EQUIPMENT = {
    # codec: Ie and Bpl (G.113, appendix I, table I.4): what it takes off, and how it bears random loss.
    "PCMU": (0.0, 25.1),  # with concealment; without, Bpl is 4.3
    "PCMA": (0.0, 25.1),
    "L16": (0.0, 25.1),
    "G729": (11.0, 19.0),
}
_OTHER = (0.0, 20.0)  # G.722 and opus have no narrowband figures; they bear loss a little worse than G.711


def r_factor(codec: str, loss: float, delay: float) -> float:
    """The rating, 0 to 93.2. `loss` is the share of packets (0 to 1) that were lost or came too late, taken as
    random; `delay` is mouth to ear in seconds. R = Ro - Is - Id - Ie,eff (G.107 §7.1)."""
    impairment, robustness = _EQUIPMENT.get(codec.upper(), _OTHER)
    percent = 100 * min(max(loss, 0.0), 1.0)
    effective = impairment + (95 - impairment) * percent / (percent + robustness)  # §7.5
    return min(max(_BEST - _delay_impairment(1000 * delay) - effective, 0.0), 100.0)


def mos(r: float) -> float:
    """The mean opinion score of a rating, 1 to 4.5. G.107 annex B."""
    if r <= 0:
        return 1.0
    if r >= 100:
        return 4.5
    return max(1.0, 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6)


def _delay_impairment(milliseconds: float) -> float:
    """Idd: nothing up to 100 ms, then ever more (G.107 §7.4); echo is taken to be cancelled."""
    if milliseconds <= 100:
        return 0.0
    x = math.log2(milliseconds / 100)
    return 25 * (math.pow(1 + x**6, 1 / 6) - 3 * math.pow(1 + (x / 3) ** 6, 1 / 6) + 2)
