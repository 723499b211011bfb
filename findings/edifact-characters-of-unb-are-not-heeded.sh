#!/usr/bin/env bash
# Guess:    a reader decodes names by the character set that UNB states: UNOC is Latin-1, UNOW
#           (syntax 4) is UTF-8.
# Seen:     pydifact reads every file as Latin-1, so UNOW comes out as "MÃ¼ller"; staEDI reads every
#           file as UTF-8, so UNOC, which most European partners send, stops at the first umlaut
#           with a message about the segment. Each is right exactly where the other is wrong.
# Versions: pydifact 0.2.3, staEDI 1.26.0 (Maven); both as they come
# Source:   ISO 9735-1, code list for the syntax identifier; run for what the readers do.
# Meets us: names on labels and the match of a returning customer. Remedy: decode by UNB oneself,
#           and hand text on.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pydifact==0.2.3
cd "$work"
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

"$work/venv/bin/python" -W ignore - >seen <<'PY'
from pathlib import Path

from pydifact.segmentcollection import Interchange

ORDER = "UNB+{}+SHOP:14+ORDINAL:14+261129:1200+1'UNH+1+ORDERS:D:96A:UN'" \
        "BGM+220+PO-1+9'NAD+DP+++Müller'UNT+4+1'UNZ+1+1'"
for syntax, codec in (("UNOC:3", "latin-1"), ("UNOW:4", "utf-8")):
    path = Path(syntax[:4])
    path.write_bytes(ORDER.format(syntax).encode(codec))
    read = Interchange.from_file(str(path))
    print("pydifact", path, next(s.elements[3] for s in read.segments if s.tag == "NAD"))
PY
cat >Read.java <<'JAVA'
import io.xlate.edi.stream.*;
import java.io.*;
import java.nio.charset.StandardCharsets;

public class Read {
  public static void main(String[] files) throws Exception {
    var out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    for (var file : files) {
      try (var reader =
          EDIInputFactory.newFactory().createEDIStreamReader(new FileInputStream(file))) {
        while (reader.hasNext()) {
          if (reader.next() == EDIStreamEvent.ELEMENT_DATA && reader.getText().endsWith("ller")) {
            out.println("staEDI " + file + " " + reader.getText());
          }
        }
      } catch (EDIStreamException error) {
        out.println("staEDI " + file + " " + error.getMessage());
      }
    }
  }
}
JAVA
java -cp 'jars/*' Read.java UNOC UNOW >>seen 2>java.log
cat seen
diff seen - <<'TEXT'
pydifact UNOC Müller
pydifact UNOW MÃ¼ller
staEDI UNOC Error parsing input in segment NAD at position 4, element 3
staEDI UNOW Müller
TEXT
