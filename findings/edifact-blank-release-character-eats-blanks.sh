#!/usr/bin/env bash
# Guess:    a blank in the place of UNA's release character means that none is used, as ISO 9735 has
#           it, so blanks in texts are blanks.
# Seen:     pydifact, mock-edi and the `edifact` package of npm take the blank for an escape and
#           drop every one of them: "Main Street 5" becomes "MainStreet5". staEDI keeps them.
# Versions: pydifact 0.2.3, mock-edi 0.9.0, edifact 1.2.12 (npm), staEDI 1.26.0 (Maven)
# Source:   ISO 9735 (syntax 3), service string advice: a space where no release character is used.
# Meets us: an address without blanks goes on the label, and an item text no longer matches. Three
#           readers out of four agree on it, so a second opinion may confirm it.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pydifact==0.2.3 mock-edi==0.9.0
cd "$work"
npm install --silent --no-fund --no-audit edifact@1.2.12 >/dev/null
cat >pom.xml <<'XML'
<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>findings</groupId><artifactId>edi</artifactId><version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>io.xlate</groupId><artifactId>staedi</artifactId><version>1.26.0</version>
    </dependency>
  </dependencies>
  <build><plugins><plugin>
    <groupId>org.apache.maven.plugins</groupId>
    <artifactId>maven-dependency-plugin</artifactId><version>3.8.1</version>
  </plugin></plugins></build>
</project>
XML
mvn -q -B dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory=jars >maven.log

printf '%s' "UNA:+.  'UNB+UNOC:3+SHOP:14+ORDINAL:14+261129:1200+1'UNH+1+ORDERS:D:96A:UN'" \
  "BGM+220+PO-1+9'NAD+DP+++Erika Example+Main Street 5+Springfield'UNT+4+1'UNZ+1+1'" >order.edi

"$work/venv/bin/python" -W ignore - >seen <<'PY'
from pathlib import Path

from mockedi import edifact
from pydifact.segmentcollection import Interchange

text = Path("order.edi").read_text()
read = Interchange.from_str(text)
print("pydifact:", next(s.elements[4] for s in read.segments if s.tag == "NAD"))
message = edifact.parse(text).groups[0].messages[0]
print("mock-edi:", next(s.elements[4] for s in message.segments if s.tag == "NAD"))
PY
node >>seen <<'JS'
const { Reader } = require('edifact');
const text = require('fs').readFileSync('order.edi', 'latin1');
const segments = new Reader({ autoDetectEncoding: true }).parse(text);
console.log('edifact (npm):', segments.find((s) => s.name === 'NAD').elements[4][0]);
JS
cat >Read.java <<'JAVA'
import io.xlate.edi.stream.*;
import java.io.FileInputStream;

public class Read {
  public static void main(String[] none) throws Exception {
    var file = new FileInputStream("order.edi");
    var reader = EDIInputFactory.newFactory().createEDIStreamReader(file);
    while (reader.hasNext()) {
      if (reader.next() == EDIStreamEvent.ELEMENT_DATA && reader.getText().startsWith("Main")) {
        System.out.println("staEDI: " + reader.getText());
      }
    }
  }
}
JAVA
java -cp 'jars/*' Read.java >>seen 2>java.log
cat seen
diff seen - <<'TEXT'
pydifact: MainStreet5
mock-edi: MainStreet5
edifact (npm): MainStreet5
staEDI: Main Street 5
TEXT
