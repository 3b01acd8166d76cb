"""newsletter: the daily mailer a newsroom runs itself."""

__version__ = "0.1.0"
