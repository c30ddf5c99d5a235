"""Bodies are read as they are described: a number is no truth value, and a text that looks like a number is none."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Request

from sipclient.web.problems import Refused
from sipclient.web.wording import in_words


class StrictRequest(Request[Any, Any, Any]):
    """A request whose JSON is converted without leniency. Refuses what is no JSON, and what is not as described."""

    async def json(self) -> Any:
        """The body as the value that the handler takes."""
        field = self.route_handler.parsed_data_field
        body = await self.body() or b"null"
        try:
            return msgspec.json.decode(body, type=field.annotation if field is not None else Any)
        except msgspec.ValidationError as error:
            raise Refused(422, "invalid-value", in_words(str(error))) from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Refused(400, "bad-request", f"the body is no JSON: {error}") from error
