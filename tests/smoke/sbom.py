"""The software bill of materials of an image: its Python distributions and Debian packages, as CycloneDX 1.6 JSON."""

import json
from hashlib import sha256
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from engine import output
from packageurl import PackageURL

DISTRIBUTIONS = """
import json, platform
from importlib.metadata import distributions
licence = lambda data: data["License-Expression"] or data["License"] or ""
found = sorted((one.metadata["Name"], one.version, licence(one.metadata)) for one in distributions())
print(json.dumps({"python": platform.python_version(), "found": found}))
"""

DEBIAN = "${db:Status-Abbrev}\t${Package}\t${Version}\t${Architecture}\n"


def write(path, *, image, container, wheel):
    """Write the bill of a running container, valid by the schema; return how many parts it lists.

    Args:
        image: the id of the image, ``sha256:...``.
        wheel: the file that Andon was installed from, if it is there.

    Raises:
        ValueError: it is not valid, or the image holds no distribution of Andon.
    """
    python = json.loads(output("exec", container, "python", "-c", DISTRIBUTIONS))
    bom = Bom(serial_number=uuid5(NAMESPACE_URL, image))
    bom.metadata.component = Component(name="mlops-service", type=ComponentType.CONTAINER, version=image)
    bom.components.add(Component(name="python", type=ComponentType.PLATFORM, version=python["python"]))
    for name, version, licence in python["found"]:
        purl = PackageURL("pypi", None, name.lower().replace("_", "-"), version)
        component = Component(name=name, version=version, purl=purl, bom_ref=str(purl))
        if licence and "\n" not in licence:
            component.licenses.add(DisjunctiveLicense(name=licence))
        if name == "andon" and wheel is not None:
            content = sha256(wheel.read_bytes()).hexdigest()
            component.hashes.add(HashType(alg=HashAlgorithm.SHA_256, content=content))
        bom.components.add(component)
    for line in output("exec", container, "dpkg-query", "--show", "--showformat", DEBIAN).splitlines():
        status, name, version, architecture = line.split("\t")
        if status.strip() == "ii":
            purl = PackageURL("deb", "debian", name, version, {"arch": architecture})
            bom.components.add(Component(name=name, version=version, purl=purl, bom_ref=str(purl)))
    text = JsonV1Dot6(bom).output_as_string(indent=2)
    errors = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if errors:
        raise ValueError(f"the bill of materials is not valid: {errors}")
    if not any(component.name == "andon" for component in bom.components):
        raise ValueError("the image holds no distribution of Andon")
    path.parent.mkdir(exist_ok=True)
    path.write_text(text + "\n", encoding="utf-8")
    return len(bom.components)
