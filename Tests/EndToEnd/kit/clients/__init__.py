"""Real ssh clients, one module for each: driven by their command lines or in a program, as their users do."""

from .dropbear import Dropbear
from .libraries import AsyncSSH, LibSSH, LibSSH2, Paramiko
from .openssh import AutoSSH, NewestOpenSSH, OpenSSH, OpenSSHService
from .putty import PuTTY

EVERY_CLIENT = [OpenSSH, NewestOpenSSH, OpenSSHService, AutoSSH, Dropbear, PuTTY, Paramiko, AsyncSSH, LibSSH2, LibSSH]

__all__ = ["EVERY_CLIENT", *(client.__name__ for client in EVERY_CLIENT)]
