"""What all settings are made of."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Positive = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]


class Settings(BaseModel):
    """Settings where an unknown name or a wrong type is an error."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
