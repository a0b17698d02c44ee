"""The manifests build, are valid, run as the restricted profile demands, and name everything they refer to."""

import base64
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from cryptography import x509

from kj.local.programs import SERVICES
from services.witness.settings import WitnessSettings
from shared.settings import ProcessSettings, ServiceSettings
from shared.transparency.notes import Verifier, parse_signer

ROOT = Path(__file__).resolve().parents[2]
K8S = ROOT / "k8s"
VERSION = "1.37"
COMPONENT = "app.kubernetes.io/component"
NAMES = {"gateway", *(service.replace("_", "-") for service in SERVICES)}

Manifest = dict[str, Any]


def build(folder: str) -> list[Manifest]:
    return list(yaml.safe_load_all(_kustomized(folder)))


@cache
def _kustomized(folder: str) -> bytes:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("no kubectl on PATH: the manifests are put together by its kustomize")
    command = [kubectl, "kustomize", str(K8S / folder)]
    return subprocess.run(command, capture_output=True, check=True, timeout=60).stdout


@pytest.fixture(scope="module")
def local() -> list[Manifest]:
    return build("overlays/local")


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> list[Manifest]:
    """What certificates.py adds to the local overlay."""
    jwks = tmp_path_factory.mktemp("issuer") / "jwks.json"
    jwks.write_text('{"keys": [{"kty": "RSA", "kid": "1", "n": "AQAB", "e": "AQAB"}]}')
    command = [sys.executable, str(K8S / "overlays/local/certificates.py"), str(jwks)]
    done = subprocess.run(command, capture_output=True, check=True, timeout=60)
    items: list[Manifest] = json.loads(done.stdout)["items"]
    return items


def of_kind(manifests: list[Manifest], *kinds: str) -> dict[str, Manifest]:
    return {each["metadata"]["name"]: each for each in manifests if each["kind"] in kinds}


def pods(manifests: list[Manifest]) -> dict[str, Manifest]:
    """Returns the pod specs, by the name of what makes the pods."""
    makers = of_kind(manifests, "Deployment", "StatefulSet", "Job")
    return {name: maker["spec"]["template"]["spec"] for name, maker in makers.items()}


def servers(manifests: list[Manifest]) -> dict[str, Manifest]:
    """Returns the containers that serve gRPC."""
    first = {name: spec["containers"][0] for name, spec in pods(manifests).items()}
    return {name: container for name, container in first.items() if container["name"] == "server"}


def environment(container: Manifest) -> dict[str, Any]:
    return {each["name"]: each.get("value", each.get("valueFrom")) for each in container["env"]}


def references(spec: Manifest) -> Iterator[tuple[str, str]]:
    """Yields kind and name of every Secret and ConfigMap that a pod cannot start without."""
    for volume in spec.get("volumes", []):
        if "secret" in volume:
            yield "Secret", volume["secret"]["secretName"]
        if "configMap" in volume:
            yield "ConfigMap", volume["configMap"]["name"]
    for container in spec["containers"]:
        for source in container.get("envFrom", []):
            yield "ConfigMap", source["configMapRef"]["name"]
        for variable in container.get("env", []):
            for key, kind in (("secretKeyRef", "Secret"), ("configMapKeyRef", "ConfigMap")):
                found = variable.get("valueFrom", {}).get(key)
                if found is not None and not found.get("optional"):
                    yield kind, found["name"]


@pytest.mark.parametrize("folder", ["base", "witness", "overlays/local"])
def test_every_manifest_is_valid(folder: str) -> None:
    for manifest in build(folder):
        # Raises for a kind that it does not know, where its command line only warns.
        kubernetes_validate.validate(manifest, VERSION, strict=True)


def test_generated_manifests_are_valid(generated: list[Manifest]) -> None:
    for manifest in generated:
        kubernetes_validate.validate(manifest, VERSION, strict=True)


def test_an_unknown_kind_or_field_is_found() -> None:
    with pytest.raises(kubernetes_validate.SchemaNotFoundError):
        kubernetes_validate.validate({"apiVersion": "v1", "kind": "Sevice"}, VERSION, strict=True)
    service = {"apiVersion": "v1", "kind": "Service", "spec": {"clusterIp": "None"}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(service, VERSION, strict=True)


def test_every_process_has_a_deployment_and_a_headless_service() -> None:
    base = build("base")
    assert of_kind(base, "Deployment").keys() == NAMES
    services = of_kind(base, "Service")
    assert {name for name, service in services.items() if service["spec"]["clusterIP"] == "None"} == NAMES
    assert of_kind(base, "Job").keys() == {f"{name}-migrate" for name in NAMES - {"gateway"}}


def test_migrations_can_be_applied_before_the_processes() -> None:
    labelled = [each for each in build("base") if each["metadata"].get("labels", {}).get(COMPONENT) == "migration"]
    assert of_kind(labelled, "Job") == of_kind(build("base"), "Job")
    assert len(labelled) == len(NAMES) - 1


def test_the_restricted_profile(local: list[Manifest]) -> None:
    for name, spec in pods(local).items():
        context = spec["securityContext"]
        assert context["runAsNonRoot"] is True, name
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert spec["automountServiceAccountToken"] is False, name
        for container in spec["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, name
            assert container["resources"]["limits"]["memory"], name


def test_servers_drain_and_are_probed(local: list[Manifest]) -> None:
    specs = pods(local)
    for name, container in servers(local).items():
        variables = environment(container)
        assert specs[name]["terminationGracePeriodSeconds"] > int(variables["KJ_DRAIN_SECONDS"]), name
        health = int(variables["KJ_HEALTH_LISTEN"].rsplit(":", 1)[1])
        assert container["readinessProbe"]["grpc"]["port"] == health, name
        assert {port["name"]: port["containerPort"] for port in container["ports"]}["health"] == health, name


def test_settings_are_ones_that_the_processes_read(local: list[Manifest]) -> None:
    for name, container in servers(local).items():
        kinds = {"gateway": ProcessSettings, "witness": WitnessSettings}
        fields = kinds.get(name, ServiceSettings).model_fields
        special = {
            "gateway": {"KJ_SERVICES", "KJ_CLIENTS", "KJ_RESUME_KEY_FILE"},
            "documents": {"KJ_DOCUMENT_KEY_FILE"},
            "audit": {"KJ_LOG_KEY_FILE", "KJ_WITNESSES"},
            "own-registrations": {"KJ_OWN_REGISTRATIONS_KEY_FILE"},
        }.get(name, set())
        read = {f"KJ_{field.upper()}" for field in fields} | {"OTEL_EXPORTER_OTLP_ENDPOINT"} | special
        assert environment(container).keys() - read == set(), name


def test_the_gateway_knows_every_service_and_they_let_it_in(local: list[Manifest], generated: list[Manifest]) -> None:
    found = servers(local)
    addresses = json.loads(environment(found["gateway"])["KJ_SERVICES"])
    assert addresses == {service: f"{service.replace('_', '-')}:50051" for service in SERVICES}
    assert subject_names(generated, "gateway-tls", x509.UniformResourceIdentifier) == ["spiffe://kjernejournal/gateway"]
    for service, address in addresses.items():
        host = address.partition(":")[0]
        assert found[host]["args"] == [f"services.{service}"]
        assert json.loads(environment(found[host])["KJ_ALLOWED_PEERS"]) == ["spiffe://kjernejournal/gateway"]
        assert host in subject_names(generated, f"{host}-tls", x509.DNSName)


def key_of(manifests: list[Manifest], secret: str) -> Verifier:
    """Returns the public key of a private one in a Secret."""
    (found,) = (each for name, each in of_kind(manifests, "Secret").items() if name.startswith(secret))
    return parse_signer(base64.b64decode(found["data"]["key"]).decode()).verifier


def test_the_log_and_its_witness_know_each_other(local: list[Manifest], generated: list[Manifest]) -> None:
    found, maps = servers(local), of_kind(local, "ConfigMap")
    asked = json.loads(
        maps[environment(found["audit"])["KJ_WITNESSES"]["configMapKeyRef"]["name"]]["data"]["addresses"]
    )
    assert asked == {str(key_of(local, "witness-key-")): "witness:50051"}
    witnessed = maps[environment(found["witness"])["KJ_WITNESSED_LOG"]["configMapKeyRef"]["name"]]["data"]["log"]
    assert witnessed == str(key_of(local, "log-key-"))
    assert json.loads(environment(found["witness"])["KJ_ALLOWED_PEERS"]) == ["spiffe://kjernejournal/audit"]
    assert "witness" in subject_names(generated, "witness-tls", x509.DNSName)
    uris = [subject_names(generated, f"{name}-tls", x509.UniformResourceIdentifier) for name in ("audit", "witness")]
    assert uris == [["spiffe://kjernejournal/audit"], ["spiffe://kjernejournal/witness"]]


def test_one_witness_runs_apart_from_the_log_on_storage_that_lasts() -> None:
    witness = of_kind(build("witness"), "StatefulSet")["witness"]["spec"]
    container = witness["template"]["spec"]["containers"][0]
    claims = [each["metadata"]["name"] for each in witness["volumeClaimTemplates"]]
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    kept = environment(container)["KJ_WITNESS_DIRECTORY"]
    assert witness["replicas"] == 1
    assert [name for name in claims if kept.startswith(f"{mounts[name]}/")] == ["kept"]
    assert "witness" not in {each["metadata"]["name"] for each in build("base")}
    held = {name for kind, name in references(witness["template"]["spec"]) if kind == "Secret"}
    assert held == {"witness-key", "witness-tls"}, "neither the log's key nor its database"


def subject_names(manifests: list[Manifest], secret: str, kind: type[x509.GeneralName]) -> list[str]:
    """Returns the names of one kind in the certificate of a generated Secret."""
    pem = base64.b64decode(of_kind(manifests, "Secret")[secret]["data"]["tls.crt"])
    extension = x509.load_pem_x509_certificate(pem).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return [str(name.value) for name in extension.value if isinstance(name, kind)]


def test_what_pods_refer_to_is_there(local: list[Manifest], generated: list[Manifest]) -> None:
    there = {(each["kind"], each["metadata"]["name"]) for each in [*local, *generated]}
    for name, spec in pods(local).items():
        assert set(references(spec)) - there == set(), name


@pytest.mark.parametrize("secret", ["document-key-", "own-registrations-key-"])
def test_local_keys_have_32_bytes(local: list[Manifest], secret: str) -> None:
    keys = [each for name, each in of_kind(local, "Secret").items() if name.startswith(secret)]
    assert [len(base64.b64decode(key["data"]["key"])) for key in keys] == [32]
