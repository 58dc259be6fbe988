"""What it means when a web server of a plugin does not do its work, so that no plugin has to work that out again."""

from bot.domain.errors import ProviderCategory, ProviderError
from bot.domain.sentence import Sentence, sentence

_CATEGORIES = {
    401: ProviderCategory.AUTH,
    402: ProviderCategory.QUOTA,
    403: ProviderCategory.AUTH,
    404: ProviderCategory.WRONG_ADDRESS,
    405: ProviderCategory.WRONG_ADDRESS,
    413: ProviderCategory.TOO_LARGE,
    429: ProviderCategory.RATE,
}


def request_failed(plugin: str, status: int | None) -> ProviderError:
    """For the status of an answer. None: the server could not be reached, or fell silent; below 400: what it sent
    cannot be used."""
    category = _category(status)
    retryable = category in {ProviderCategory.NETWORK, ProviderCategory.SERVER, ProviderCategory.RATE}
    code = f"{plugin}_{category.value}"
    return ProviderError(code, _said(plugin, category), category=category, retryable=retryable)


def _category(status: int | None) -> ProviderCategory:
    if status is None:
        return ProviderCategory.NETWORK
    if 300 <= status < 400:
        return ProviderCategory.WRONG_ADDRESS
    if status < 300 or status >= 500:
        return ProviderCategory.SERVER
    return _CATEGORIES.get(status, ProviderCategory.BAD_REQUEST)


def _said(plugin: str, category: ProviderCategory) -> Sentence:
    match category:
        case ProviderCategory.NETWORK:
            return sentence(
                "The server of the plugin {plugin} cannot be reached. Start it, or correct its address.", plugin=plugin
            )
        case ProviderCategory.AUTH:
            return sentence("The server of the plugin {plugin} does not take its key. Correct the key.", plugin=plugin)
        case ProviderCategory.RATE | ProviderCategory.QUOTA:
            return sentence("The server of the plugin {plugin} takes no more for now. Try again later.", plugin=plugin)
        case ProviderCategory.SERVER:
            return sentence("The server of the plugin {plugin} failed. Try again later.", plugin=plugin)
        case _:
            return sentence(
                "The server of the plugin {plugin} does not accept what it is sent. Check the address and the model in "
                "its settings.",
                plugin=plugin,
            )
