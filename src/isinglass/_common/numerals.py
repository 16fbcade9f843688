"""Numbers as they are printed in prose and tables."""


def typeset(text: str) -> str:
    """A formatted number with a true minus sign, and with none before a zero.

    Args:
        text: What `format` gave, such as "-0.31" or "-0.0".

    Returns:
        The number as it is printed, such as "−0.31" or "0.0".
    """
    if not any(digit in text for digit in "123456789") and "inf" not in text:
        text = text.replace("-", "")
    return text.replace("-", "−")
