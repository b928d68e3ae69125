"""What is believed of a provider: its settings, documents, keys and tokens, and whose they are."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from podium.client.errors import (
    AlreadyExists,
    BadRequest,
    ConfigError,
    Unauthenticated,
    Unavailable,
)
from podium.tracker import audit
from podium.tracker.auth import accounts
from podium.tracker.auth.oidc import people, settings, wire
from podium.tracker.auth.oidc import provider as provider_module
from podium.tracker.auth.oidc.provider import Provider
from podium.tracker.auth.oidc.settings import Oidc
from podium.tracker.auth.roles import Role
from podium.tracker.db import Database

from ...services import oidc as idps
from ...services.oidc import CLIENT_ID, CLIENT_SECRET, REDIRECT_URI, Json, key

VERIFIER = "v" * 43
Wrong = Callable[[Json, Json], None]


@pytest.fixture
def idp() -> Iterator[idps.Provider]:
    with idps.provider() as found:
        yield found


@pytest.fixture
def provider(idp: idps.Provider) -> Provider:
    return Provider(Oidc(idp.issuer, CLIENT_ID, CLIENT_SECRET))


def leave(provider: Provider) -> str:
    return provider.authorization_url(
        redirect_uri=REDIRECT_URI, state="s", nonce="n", verifier=VERIFIER
    )


def claims(provider: Provider, idp: idps.Provider) -> Json:
    """What is known of who signs in."""
    [code] = parse_qs(urlsplit(idp.consent(leave(provider))).query)["code"]
    return provider.claims(code, redirect_uri=REDIRECT_URI, nonce="n", verifier=VERIFIER)


def _set(**claims: object) -> Wrong:
    """``None`` takes a claim out."""

    def wrong(header: Json, found: Json) -> None:
        for name, value in claims.items():
            if value is None:
                del found[name]
            else:
                found[name] = value

    return wrong


def _header(**values: object) -> Wrong:
    def wrong(header: Json, found: Json) -> None:
        header.update(values)

    return wrong


def _ago(name: str, seconds: int) -> Wrong:
    def wrong(header: Json, found: Json) -> None:
        found[name] = int(time.time()) - seconds

    return wrong


class TestTokens:
    @pytest.mark.parametrize(
        "wrong",
        [
            pytest.param(_set(nonce="x"), id="nonce"),
            pytest.param(_set(nonce=None), id="no nonce"),
            pytest.param(_set(nonce=None, nonce_supported=False), id="nonce not supported"),
            pytest.param(_set(aud="another"), id="aud"),
            pytest.param(_set(aud=["another"]), id="auds"),
            pytest.param(_set(aud="another", azp=CLIENT_ID), id="for us, not by us"),
            pytest.param(_set(aud=[CLIENT_ID, "another"]), id="shared without azp"),
            pytest.param(_set(azp="another"), id="azp"),
            pytest.param(_set(aud=None), id="no aud"),
            pytest.param(_set(iss="https://evil.example"), id="iss"),
            pytest.param(_set(iss=None), id="no iss"),
            pytest.param(_ago("exp", 90), id="expired"),
            pytest.param(_set(exp=None), id="no exp"),
            pytest.param(_set(exp="never"), id="exp of text"),
            pytest.param(_ago("iat", -300), id="from the future"),
            pytest.param(_ago("iat", 3600), id="old"),
            pytest.param(_set(iat=None), id="no iat"),
            pytest.param(_ago("nbf", -300), id="not yet"),
            pytest.param(_set(sub=""), id="empty sub"),
            pytest.param(_set(sub=None), id="no sub"),
            pytest.param(_set(sub=7), id="sub of a number"),
            pytest.param(_set(sub="x" * 256), id="long sub"),
            pytest.param(_set(sub="a\x00"), id="odd sub"),
            pytest.param(_set(at_hash="x"), id="of another access token"),
            pytest.param(_header(alg="none"), id="none"),
            pytest.param(_header(alg="None"), id="None"),
            pytest.param(_header(alg="HS256"), id="signed with the public key"),
            pytest.param(_header(alg="ES256"), id="of another kind of key"),
            pytest.param(_header(alg=["RS256"]), id="alg of a list"),
            pytest.param(_header(kid="key-9"), id="kid"),
            pytest.param(_header(crit=["x"], x=1), id="crit"),
            pytest.param(_header(kid="x", jwk=key(2).public()), id="with a key of its own"),
        ],
    )
    def test_that_are_wrong(self, provider: Provider, idp: idps.Provider, wrong: Wrong) -> None:
        idp.wrong = wrong
        with pytest.raises(Unauthenticated, match="its token is not in order"):
            claims(provider, idp)
        idp.wrong = _set()
        assert claims(provider, idp)["sub"] == "1"

    @pytest.mark.parametrize(
        "right",
        [
            _ago("exp", 30),
            _ago("iat", -30),
            _ago("iat", 300),
            _set(aud=[CLIENT_ID]),
            _set(aud=[CLIENT_ID, "another"], azp=CLIENT_ID),
        ],
    )
    def test_that_are_right(self, provider: Provider, idp: idps.Provider, right: Wrong) -> None:
        idp.wrong = right
        assert claims(provider, idp)["sub"] == "1"

    def test_signed_by_somebody_else(self, provider: Provider, idp: idps.Provider) -> None:
        idp.signed_by = idps.Key("key-1", key(2).private)
        with pytest.raises(Unauthenticated):
            claims(provider, idp)

    @pytest.mark.parametrize(
        "body",
        [
            *(b"", b"x", b"[]", b"{}", b"[" * 90000),
            *(b'{"id_token": 1}', b'{"id_token": "a.b.c"}'),
            *(b'{"expires_in": []}', b'{"expires_in": "x"}'),
        ],
    )
    def test_that_are_none(self, provider: Provider, idp: idps.Provider, body: bytes) -> None:
        idp.answers["/token"] = 200, body
        with pytest.raises(Unauthenticated):
            claims(provider, idp)

    def test_a_code_goes_with_its_verifier_and_once(
        self, provider: Provider, idp: idps.Provider
    ) -> None:
        [code] = parse_qs(urlsplit(idp.consent(leave(provider))).query)["code"]
        with pytest.raises(Unauthenticated, match="the code was not accepted"):
            provider.claims(code, redirect_uri=REDIRECT_URI, nonce="n", verifier="w" * 43)
        with pytest.raises(Unauthenticated, match="the code was not accepted"):
            provider.claims(code, redirect_uri=REDIRECT_URI, nonce="n", verifier=VERIFIER)

    @pytest.mark.parametrize("methods", [["client_secret_basic"], ["client_secret_post"], "odd"])
    def test_a_secret_arrives_as_it_is(
        self, provider: Provider, idp: idps.Provider, methods: list[str]
    ) -> None:
        idp.methods = methods
        assert claims(provider, idp)["sub"] == "1"

    def test_a_secret_from_a_file_is_read_anew(self, idp: idps.Provider, tmp_path: Path) -> None:
        file = tmp_path / "secret"
        file.write_text("an old one\n")
        provider = Provider(Oidc(idp.issuer, CLIENT_ID, client_secret_file=file))
        with pytest.raises(Unauthenticated):
            claims(provider, idp)
        file.write_text(f"{CLIENT_SECRET}\n")
        assert claims(provider, idp)["sub"] == "1"
        file.unlink()
        with pytest.raises(Unavailable) as caught:
            claims(provider, idp)
        assert str(file) not in caught.value.message


class TestKeys:
    def test_are_replaced_without_a_restart(
        self, provider: Provider, idp: idps.Provider, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(provider_module, "MOMENT", 3000.0)
        claims(provider, idp)
        claims(provider, idp)
        assert idp.asked.count("/keys") == 1
        assert idp.asked.count("/.well-known/openid-configuration") == 1
        idp.rotate(2)
        with pytest.raises(Unauthenticated):  # they were read a moment ago
            claims(provider, idp)
        assert idp.asked.count("/keys") == 1
        monkeypatch.setattr(provider_module, "MOMENT", 0.0)
        assert claims(provider, idp)["sub"] == "1"
        assert idp.asked.count("/keys") == 2

    def test_an_old_one_is_forgotten(
        self, provider: Provider, idp: idps.Provider, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        claims(provider, idp)
        idp.published = [key(2)]
        monkeypatch.setattr(provider_module, "KEPT", 0.0)
        monkeypatch.setattr(provider_module, "MOMENT", 0.0)
        with pytest.raises(Unauthenticated):
            claims(provider, idp)

    @pytest.mark.parametrize(
        "body",
        [
            b'{"keys": [{"kty": "oct", "k": "AAAA", "kid": "key-1"}]}',
            b'{"keys": [{"kty": "RSA", "kid": "key-1"}]}',
            b'{"keys": [1]}',
            b'{"keys": {}}',
            b"{}",
        ],
    )
    def test_that_are_none(self, provider: Provider, idp: idps.Provider, body: bytes) -> None:
        """A shared secret among them would be anybody's way in, if it were believed."""
        idp.answers["/keys"] = 200, body
        with pytest.raises(Unavailable, match="no key that can be used"):
            claims(provider, idp)


class TestDocuments:
    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"[]",
            b'{"issuer": "%s"}',
            b'{"issuer": "%s", "authorization_endpoint": "javascript:alert(1)",'
            b' "token_endpoint": "%s/token", "jwks_uri": "%s/keys"}',
            b'{"issuer": "%s", "authorization_endpoint": "%s/authorize",'
            b' "token_endpoint": "http://10.0.0.1/token", "jwks_uri": "%s/keys"}',
        ],
    )
    def test_that_are_not_believed(
        self, provider: Provider, idp: idps.Provider, body: bytes
    ) -> None:
        body = body.replace(b"%s", idp.issuer.encode())
        idp.answers["/.well-known/openid-configuration"] = 200, body
        with pytest.raises(Unavailable):
            leave(provider)

    def test_of_another_issuer(self, provider: Provider, idp: idps.Provider) -> None:
        path = "/.well-known/openid-configuration"
        status, body = idp.get(path)
        for other in (b"https://evil.example", f"{idp.issuer}/".encode()):
            changed = body.replace(idp.issuer.encode() + b'"', other + b'"')
            assert changed != body
            idp.answers[path] = status, changed
            with pytest.raises(Unavailable, match="another name than PODIUM_OIDC_ISSUER"):
                leave(Provider(provider.settings))

    def test_one_that_does_not_end(self, provider: Provider, idp: idps.Provider) -> None:
        path = "/.well-known/openid-configuration"
        status, body = idp.get(path)
        idp.answers[path] = status, body + b" " * wire.MAX_BODY
        with pytest.raises(Unavailable, match="more than 1048576 bytes"):
            leave(provider)

    def test_no_redirect_is_followed(self, provider: Provider, idp: idps.Provider) -> None:
        place = f"{idp.issuer}/elsewhere".encode()
        idp.answers["/.well-known/openid-configuration"] = 302, place
        with pytest.raises(Unavailable, match="it answered 302"):
            leave(provider)
        assert "/elsewhere" not in idp.asked

    def test_one_that_drips(
        self, provider: Provider, idp: idps.Provider, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(wire, "_TOTAL", -1.0)
        with pytest.raises(Unavailable, match="no whole answer"):
            leave(provider)

    def test_who_does_not_answer_is_not_asked_again_at_once(
        self, provider: Provider, idp: idps.Provider, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        idp.answers["/.well-known/openid-configuration"] = 500, b""
        for _ in range(3):
            with pytest.raises(Unavailable, match="who has a password can sign in with it"):
                leave(provider)
        assert len(idp.asked) == 1
        idp.answers.clear()
        monkeypatch.setattr(provider_module, "MOMENT", 0.0)
        assert leave(provider).startswith(idp.issuer)

    def test_one_elsewhere_leads_nowhere_on_this_machine(self) -> None:
        asked = Provider(Oidc("https://accounts.example.org", CLIENT_ID))
        assert asked._may_ask("https://keys.example.com/")
        assert not asked._may_ask("http://127.0.0.1:5080/")


class TestSettings:
    SET: dict[str, str] = {  # noqa: RUF012
        "PODIUM_OIDC_ISSUER": "https://accounts.example.org/realms/x",
        "PODIUM_OIDC_CLIENT_ID": "podium",
    }

    def test_they_are_read(self) -> None:
        more = {
            "PODIUM_OIDC_CLIENT_SECRET": "canary",
            "PODIUM_OIDC_ROLES": "ml-leads=approver, CN=ml=Editor,,vision=group:Vision-Team",
        }
        found = settings.from_environment({**self.SET, **more})
        assert found is not None
        found.check(auth_required=True)
        assert found.host == "accounts.example.org"
        assert found.roles == (("ml-leads", Role.APPROVER), ("CN=ml", Role.EDITOR))
        assert found.groups == (("vision", "vision-team"),)
        assert "canary" not in repr(found)

    def test_there_are_none(self) -> None:
        assert settings.from_environment({"PODIUM_OIDC_ISSUER": ""}) is None

    @pytest.mark.parametrize(
        ("changes", "says"),
        [
            ({"PODIUM_OIDC_ISSUER": ""}, "PODIUM_OIDC_ISSUER=''"),
            ({"PODIUM_OIDC_ISSUER": "accounts.example.org"}, "must be the provider's address"),
            ({"PODIUM_OIDC_ISSUER": "http://accounts.example.org"}, "only on this machine"),
            ({"PODIUM_OIDC_ISSUER": "http://127.0.0.1.example.org"}, "only on this machine"),
            ({"PODIUM_OIDC_ISSUER": "https://a:b@example.org"}, "or a password"),
            ({"PODIUM_OIDC_ISSUER": "https://example.org/?x"}, "PODIUM_OIDC_ISSUER"),
            ({"PODIUM_OIDC_ISSUER": "https://example.org:x"}, "PODIUM_OIDC_ISSUER"),
            ({"PODIUM_OIDC_CLIENT_ID": ""}, "PODIUM_OIDC_CLIENT_ID is not set"),
            ({"PODIUM_OIDC_SCOPES": "profile"}, "lacks openid"),
            ({"PODIUM_OIDC_CLIENT_SECRET_FILE": "/nowhere"}, "cannot be read"),
            ({"PODIUM_OIDC_ROLES": "ml"}, "holds 'ml', which must be GROUP=ROLE"),
            ({"PODIUM_OIDC_ROLES": "ml=king"}, "holds 'ml=king'"),
            ({"PODIUM_OIDC_ROLES": "=editor"}, "holds '=editor'"),
            ({"PODIUM_OIDC_ROLES": "ml=group:"}, "holds 'ml=group:'"),
            (
                {"PODIUM_OIDC_CLIENT_SECRET": "x", "PODIUM_OIDC_CLIENT_SECRET_FILE": "x"},
                "both set",
            ),
        ],
    )
    def test_a_mistake_is_named_with_its_fix(self, changes: dict[str, str], says: str) -> None:
        with pytest.raises(ConfigError, match=says):
            self._start({**self.SET, **changes})

    def _start(self, environ: dict[str, str]) -> None:
        found = settings.from_environment(environ)
        assert found is not None
        found.check(auth_required=True)

    def test_a_server_that_asks_nobody_needs_none(self) -> None:
        with pytest.raises(ConfigError, match="PODIUM_AUTH=required"):
            Oidc("https://example.org", "podium").check(auth_required=False)

    @pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "[::1]"])
    def test_on_this_machine_http_will_do(self, host: str) -> None:
        Oidc(f"http://{host}:8080/x", "podium").check(auth_required=True)


ISSUER = "https://accounts.example.org"
MAPPED = Oidc(
    ISSUER,
    CLIENT_ID,
    roles=(("ml-leads", Role.APPROVER), ("ml", Role.EDITOR)),
    groups=(("vision", "vision-team"),),
)


class TestPeople:
    def test_how_they_are_named(self, db: Database) -> None:
        numbers = count(1)

        def named(**said: Any) -> tuple[str, str]:
            made = people.admit(db, MAPPED, {"sub": str(next(numbers)), **said})
            assert made == len(accounts.everybody(db))
            [newest] = {each.name for each in accounts.everybody(db)} - before
            before.add(newest)
            return newest, accounts.get(db, newest).email

        before: set[str] = set()
        assert named(preferred_username="Jörg Müller") == ("jorg-muller", "")
        assert named(preferred_username="../../etc") == ("etc", "")
        assert named(preferred_username="CORP\\ada") == ("corp-ada", "")
        assert named(preferred_username="x" * 500) == ("x" * 100, "")
        assert named(preferred_username="system") == ("system-2", "")
        assert named(preferred_username=7) == ("user", "")
        assert named(preferred_username="李") == ("user-2", "")
        a = "a@b.example"
        assert named(email=a, email_verified=True) == (a, a)
        for unverified in ({}, {"email_verified": False}, {"email_verified": "true"}):
            name, email = named(email="boss@b.example", **unverified)
            assert name.startswith("user-")
            assert email == ""
        assert named(email=["a"], email_verified=True)[1] == ""

    def test_nobody_elses_account_for_a_name_or_an_email(self, db: Database) -> None:
        email = "root@example.org"
        accounts.create(db, name="root", role=Role.ADMIN, email=email)
        accounts.create(db, name="root-2", kind="group")
        accounts.create(db, name="root-20", kind="service")
        said = {"preferred_username": "ROOT", "email": email, "email_verified": True}
        people.admit(db, MAPPED, {"sub": "9", **said})
        made = accounts.get(db, "root-3")
        assert (made.role, made.issuer) == (Role.MEMBER, ISSUER)
        assert accounts.get(db, "root").issuer == ""

    def test_somebody_is_his_number_at_his_provider(self, db: Database) -> None:
        first = people.admit(db, MAPPED, {"sub": "a1", "preferred_username": "ada"})
        assert people.admit(db, MAPPED, {"sub": "a1", "preferred_username": "eve"}) == first
        assert people.admit(db, MAPPED, {"sub": "a2", "preferred_username": "ada"}) != first
        other = Oidc("https://other.example.org", CLIENT_ID)
        assert people.admit(db, other, {"sub": "a1", "preferred_username": "ada"}) != first
        assert [each.name for each in accounts.everybody(db)] == ["ada", "ada-2", "ada-3"]

    def test_an_account_that_an_admin_has_linked(self, db: Database) -> None:
        account = accounts.create(db, name="ada", email="a@example.org")
        accounts.link_subject(db, "ada", f"{ISSUER} a1")
        people.admit(db, Oidc(ISSUER, CLIENT_ID), {"sub": "a1", "preferred_username": "eve"})
        assert [each.name for each in accounts.everybody(db)] == [account.name]
        accounts.create(db, name="bob")
        with pytest.raises(AlreadyExists, match="already"):
            accounts.link_subject(db, "bob", f"{ISSUER} a1")
        for wrong in ("a1", ISSUER, f"{ISSUER} ", f"{ISSUER} a 1", "x a1"):
            with pytest.raises(BadRequest, match="subject"):
                accounts.link_subject(db, "bob", wrong)

    def test_the_first_time_twice_at_once(self, db: Database) -> None:
        said = [{"sub": str(n // 2), "preferred_username": "ada"} for n in range(8)]
        with ThreadPoolExecutor(8) as pool:
            made = list(pool.map(lambda each: people.admit(db, MAPPED, each), said))
        assert made[::2] == made[1::2]
        assert [each.name for each in accounts.everybody(db)] == ["ada", "ada-2", "ada-3", "ada-4"]

    def test_it_is_he_who_did_it(self, db: Database) -> None:
        for groups in ([], ["ml-leads"]):
            people.admit(db, MAPPED, {"sub": "1", "preferred_username": "ada", "groups": groups})
        told = audit.search(db, subject="user:ada").items
        assert {(each["actor"], each["actor_kind"]) for each in told} == {("ada", "user")}
        assert "user.create" in {each["action"] for each in told}

    def test_roles_and_groups_follow_the_provider(self, db: Database) -> None:
        for name in ("vision-team", "by-hand"):
            accounts.create(db, name=name, kind="group")

        def now(groups: object) -> tuple[Role, tuple[str, ...]]:
            people.admit(db, MAPPED, {"sub": "1", "preferred_username": "ada", "groups": groups})
            found = accounts.get(db, "ada")
            return found.role, found.groups

        assert now(["ml", "ml-leads", "x"]) == (Role.APPROVER, ())
        accounts.set_members(db, "by-hand", ["ada"])
        assert now(["ml", "vision"]) == (Role.EDITOR, ("by-hand", "vision-team"))
        assert now("vision") == (Role.MEMBER, ("by-hand", "vision-team"))
        assert now([]) == (Role.MEMBER, ("by-hand",))
        for odd in (None, {"ml": 1}, [["ml"]], 7):
            assert now(odd) == (Role.MEMBER, ("by-hand",))
        accounts.update(db, "ada", role=Role.APPROVER)
        assert now(["ml"]) == (Role.EDITOR, ("by-hand",))

    def test_without_a_mapping_roles_are_given_here(self, db: Database) -> None:
        plain = Oidc(ISSUER, CLIENT_ID)
        said = {"sub": "1", "preferred_username": "ada", "groups": ["ml-leads"]}
        people.admit(db, plain, said)
        assert accounts.get(db, "ada").role is Role.MEMBER
        accounts.update(db, "ada", role=Role.VIEWER)
        people.admit(db, plain, said)
        assert accounts.get(db, "ada").role is Role.VIEWER

    def test_who_is_called_like_a_group_is_none(self, db: Database) -> None:
        said = {"preferred_username": "vision-team", "groups": ["vision"]}
        people.admit(db, MAPPED, {"sub": "1", **said})
        people.admit(db, MAPPED, {"sub": "2", **said})
        assert [each.groups for each in accounts.everybody(db)] == [(), ()]
