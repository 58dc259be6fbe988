"""Discord's rules for buttons, selects, Components V2 and modals."""

from collections.abc import Iterator
from typing import Any

from tests.simulator.discord_server.messages import parts_of
from tests.simulator.discord_server.refusals import Form

ROW, BUTTON, STRING_SELECT, TEXT_INPUT, USER_SELECT, ROLE_SELECT, MENTIONABLE_SELECT, CHANNEL_SELECT = range(1, 9)
SECTION, TEXT_DISPLAY, THUMBNAIL, GALLERY, FILE, SEPARATOR, CONTAINER, LABEL = 9, 10, 11, 12, 13, 14, 17, 18
FILE_UPLOAD = 19
SELECTS = {STRING_SELECT, USER_SELECT, ROLE_SELECT, MENTIONABLE_SELECT, CHANNEL_SELECT}
_V2_TOP = {ROW, SECTION, TEXT_DISPLAY, GALLERY, FILE, SEPARATOR, CONTAINER}
_LINK, _PREMIUM = 5, 6
_CHOICES = "BASE_TYPE_CHOICES"


def check_components(form: Form, components: Any, *, v2: bool) -> None:
    if not isinstance(components, list) or not all(isinstance(item, dict) for item in components):
        form.wrong("components", "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType")
        return
    parts = list(parts_of(components))
    if v2:
        if len(parts) > 40:
            form.wrong("components", "COMPONENT_MAX_TOTAL_COMPONENTS_EXCEEDED", "The maximum is 40 components")
        if sum(len(item.get("content") or "") for item in parts if item.get("type") == TEXT_DISPLAY) > 4000:
            form.wrong("components", "COMPONENT_DISPLAYABLE_TEXT_SIZE_EXCEEDED", "The maximum is 4000 characters")
    else:
        form.count("components", components, 5, least=0)
    for index, item in enumerate(components):
        where = f"components.{index}"
        if item.get("type") not in (_V2_TOP if v2 else {ROW}):
            allowed = sorted(_V2_TOP if v2 else {ROW})
            form.wrong(f"{where}.type", _CHOICES, f'Value of field "type" must be one of {tuple(allowed)}.')
        elif item["type"] == ROW:
            _check_row(form, where, item)
        elif item["type"] == CONTAINER:
            for place, child in enumerate(item.get("components") or []):
                if child.get("type") == ROW:
                    _check_row(form, f"{where}.components.{place}", child)
        elif item["type"] == TEXT_DISPLAY:
            form.text(f"{where}.content", item.get("content"), 4000, shortest=1, required=True)
        elif item["type"] == SECTION:
            form.count(f"{where}.components", item.get("components") or [], 3, least=1)
            if isinstance(item.get("accessory"), dict) and item["accessory"].get("type") == BUTTON:
                _check_button(form, f"{where}.accessory", item["accessory"])
    _check_unique(form, components)


def check_modal(form: Form, data: Any) -> None:
    if not isinstance(data, dict):
        form.required("data")
        return
    form.text("data.title", data.get("title"), 45, shortest=1, required=True)
    form.text("data.custom_id", data.get("custom_id"), 100, shortest=1, required=True)
    components = data.get("components") or []
    form.count("data.components", components, 5, least=1)
    for index, item in enumerate(components):
        where = f"data.components.{index}"
        kind = item.get("type")
        if kind == ROW:
            children = item.get("components") or []
            form.count(f"{where}.components", children, 1, least=1)
            for child in children:
                _check_text_input(form, f"{where}.components.0", child, labelled=True)
        elif kind == LABEL:
            form.text(f"{where}.label", item.get("label"), 45, shortest=1, required=True)
            form.text(f"{where}.description", item.get("description"), 100)
            child = item.get("component") or {}
            if child.get("type") == TEXT_INPUT:
                _check_text_input(form, f"{where}.component", child, labelled=False)
            elif child.get("type") in SELECTS:
                _check_select(form, f"{where}.component", child)
        elif kind != TEXT_DISPLAY:
            form.wrong(f"{where}.type", _CHOICES, 'Value of field "type" must be one of (1, 10, 18).')
    _check_unique(form, components, prefix="data.")


def _check_row(form: Form, path: str, row: dict[str, Any]) -> None:
    children = row.get("components") or []
    form.count(f"{path}.components", children, 5, least=1)
    if any(child.get("type") in SELECTS for child in children) and len(children) > 1:
        form.wrong(f"{path}.components", "COMPONENT_LAYOUT_WIDTH_EXCEEDED", "The maximum width is 5")
    for index, child in enumerate(children):
        where = f"{path}.components.{index}"
        if child.get("type") == BUTTON:
            _check_button(form, where, child)
        elif child.get("type") in SELECTS:
            _check_select(form, where, child)
        else:
            form.wrong(f"{where}.type", _CHOICES, 'Value of field "type" must be one of (2, 3, 5, 6, 7, 8).')


def _check_button(form: Form, path: str, button: dict[str, Any]) -> None:
    style = button.get("style")
    form.text(f"{path}.label", button.get("label"), 80)
    if style not in range(1, 7):
        form.wrong(f"{path}.style", _CHOICES, "Value must be one of {1, 2, 3, 4, 5, 6}.")
    if style == _LINK:
        form.text(f"{path}.url", button.get("url"), 512, shortest=1, required=True)
        if button.get("custom_id"):
            message = "A custom id and url cannot both be specified"
            form.wrong(f"{path}.custom_id", "BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE", message)
    elif style != _PREMIUM:
        form.text(f"{path}.custom_id", button.get("custom_id"), 100, shortest=1, required=True)
        if button.get("url"):
            form.wrong(f"{path}.url", "BUTTON_COMPONENT_INVALID_STYLE", "Only link buttons have a url")
    if style != _PREMIUM and not button.get("label") and not button.get("emoji"):
        form.wrong(path, "BUTTON_COMPONENT_LABEL_OR_EMOJI_REQUIRED", "A label or an emoji is required")


def _check_select(form: Form, path: str, select: dict[str, Any]) -> None:
    form.text(f"{path}.custom_id", select.get("custom_id"), 100, shortest=1, required=True)
    form.text(f"{path}.placeholder", select.get("placeholder"), 150)
    least, most = select.get("min_values", 1), select.get("max_values", 1)
    if least is not None and not 0 <= least <= 25:
        form.wrong(f"{path}.min_values", "NUMBER_TYPE_MAX", "int value should be between 0 and 25.")
    if most is not None and not 1 <= most <= 25:
        form.wrong(f"{path}.max_values", "NUMBER_TYPE_MAX", "int value should be between 1 and 25.")
    if select.get("type") != STRING_SELECT:
        return
    options = select.get("options") or []
    form.count(f"{path}.options", options, 25, least=1)
    values: set[str] = set()
    for index, option in enumerate(options):
        where = f"{path}.options.{index}"
        form.text(f"{where}.label", option.get("label"), 100, shortest=1, required=True)
        form.text(f"{where}.value", option.get("value"), 100, shortest=1, required=True)
        form.text(f"{where}.description", option.get("description"), 100)
        if option.get("value") in values:
            message = "The specified option value is already used"
            form.wrong(f"{where}.value", "SELECT_COMPONENT_OPTION_VALUE_DUPLICATED", message)
        values.add(option.get("value") or "")


def _check_text_input(form: Form, path: str, item: dict[str, Any], *, labelled: bool) -> None:
    if item.get("type") != TEXT_INPUT:
        form.wrong(f"{path}.type", _CHOICES, 'Value of field "type" must be one of (4,).')
        return
    form.text(f"{path}.custom_id", item.get("custom_id"), 100, shortest=1, required=True)
    if labelled:
        form.text(f"{path}.label", item.get("label"), 45, shortest=1, required=True)
    form.text(f"{path}.placeholder", item.get("placeholder"), 100)
    form.text(f"{path}.value", item.get("value"), 4000)
    if item.get("style") not in {1, 2}:
        form.wrong(f"{path}.style", _CHOICES, "Value must be one of {1, 2}.")
    for key, least in (("min_length", 0), ("max_length", 1)):
        value = item.get(key)
        if value is not None and not least <= value <= 4000:
            form.wrong(f"{path}.{key}", "NUMBER_TYPE_MAX", f"int value should be between {least} and 4000.")


def _check_unique(form: Form, components: list[dict[str, Any]], *, prefix: str = "") -> None:
    seen: set[str] = set()
    for path, item in _paths(components, f"{prefix}components"):
        custom_id = item.get("custom_id")
        if custom_id is None:
            continue
        if custom_id in seen:
            message = "Component custom id cannot be duplicated"
            form.wrong(f"{path}.custom_id", "COMPONENT_CUSTOM_ID_DUPLICATED", message)
        seen.add(custom_id)


def _paths(components: list[dict[str, Any]], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for index, item in enumerate(components):
        where = f"{path}.{index}"
        yield where, item
        yield from _paths(item.get("components") or [], f"{where}.components")
        for key in ("accessory", "component"):
            if isinstance(item.get(key), dict):
                yield f"{where}.{key}", item[key]
