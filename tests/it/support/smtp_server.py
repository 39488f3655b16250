"""A mail server for one test: aiosmtpd, whose every command is written down beside the messages it accepts.

    smtp_server.py DIRECTORY PORT [--starttls CERT KEY | --tls CERT KEY] [--login USER PASSWORD] [--refuse CODE]
                   [--stall WORD]

DIRECTORY/commands  one line per command: its word, whether TLS was there, its argument
DIRECTORY/N.eml     the Nth message
"""

import argparse
import asyncio
import itertools
import pathlib
import ssl

from aiosmtpd.smtp import SMTP, AuthResult

parser = argparse.ArgumentParser()
parser.add_argument("directory", type=pathlib.Path)
parser.add_argument("port", type=int)
parser.add_argument("--starttls", nargs=2)
parser.add_argument("--tls", nargs=2)
parser.add_argument("--login", nargs=2)
parser.add_argument("--refuse")
# Recipients whose address contains this word get no reply to RCPT.
parser.add_argument("--stall")
options = parser.parse_args()
numbers = itertools.count(1)


def note(word, server, argument=""):
    # During implicit TLS aiosmtpd has no _tls_protocol of its own: the transport tells.
    over_tls = server.transport is not None and server.transport.get_extra_info("sslcontext") is not None
    with open(options.directory / "commands", "a", encoding="utf-8") as file:
        file.write(f"{word} {'tls' if over_tls else 'clear'} {argument}\n")


class Handler:
    async def handle_EHLO(self, server, session, envelope, hostname, responses):
        note("EHLO", server)
        session.host_name = hostname
        return responses

    async def handle_MAIL(self, server, session, envelope, address, mail_options):
        note("MAIL", server, address)
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):
        note("RCPT", server, address)
        if options.stall and options.stall in address:
            await asyncio.sleep(3600)
        if options.refuse:
            return f"{options.refuse} 5.1.1 <{address}>: no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        number = next(numbers)
        draft = options.directory / f".{number}"
        draft.write_bytes(envelope.content)
        draft.rename(options.directory / f"{number}.eml")
        note("DATA", server, ",".join(envelope.rcpt_tos))
        return "250 accepted"


def authenticate(server, session, envelope, mechanism, data):
    right = [data.login.decode(), data.password.decode()] == options.login
    note("AUTH", server, "right" if right else "wrong")
    return AuthResult(success=right, handled=right or False)


def context(files):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(*files)
    return made


def protocol():
    return SMTP(
        Handler(),
        hostname="mail.test",
        tls_context=context(options.starttls) if options.starttls else None,
        require_starttls=bool(options.starttls),
        authenticator=authenticate if options.login else None,
        auth_required=bool(options.login),
        # With implicit TLS it does not know that the connection is encrypted.
        auth_require_tls=bool(options.starttls),
    )


async def main():
    tls = context(options.tls) if options.tls else None
    loop = asyncio.get_running_loop()
    server = await loop.create_server(protocol, "127.0.0.1", options.port, ssl=tls)
    await server.serve_forever()


asyncio.run(main())
