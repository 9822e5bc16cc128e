#!/bin/sh
# Makes the archives that TestArchivesOfOtherPrograms opens, by OpenSSL 3 and the keytool of the Java that is installed:
# those here are of Java 17, 21 and 25, all from one openssl.p12. The keys are for tests alone. Run it in this folder;
# each certificate has a random serial number of 20 bytes.
set -eu

openssl ecparam -name prime256v1 -genkey -noout -out root.key
openssl req -x509 -new -key root.key -subj /CN=root -days 36500 -out root.pem
openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out key.pem
openssl req -new -key key.pem -subj /CN=leaf -out leaf.csr
openssl x509 -req -in leaf.csr -CA root.pem -CAkey root.key -days 36500 -set_serial "0x7f$(openssl rand -hex 19)" -out leaf.pem 2>/dev/null

archive() { # NAME PASSWORD OPTION...
  name=$1 password=$2
  shift 2
  openssl pkcs12 -export -inkey key.pem -in leaf.pem -certfile root.pem -passout "pass:$password" -out "$name.p12" "$@"
}
archive openssl changeit
archive openssl-empty-password ''
archive openssl-certificates-plain changeit -certpbe NONE
archive openssl-key-plain changeit -keypbe NONE
archive openssl-plain changeit -keypbe NONE -certpbe NONE
archive openssl-no-mac changeit -nomac
archive openssl-no-mac-empty-password '' -nomac
archive openssl-certificates-plain-no-mac changeit -certpbe NONE -nomac
archive openssl-key-plain-no-mac changeit -keypbe NONE -nomac
archive openssl-plain-no-mac changeit -keypbe NONE -certpbe NONE -nomac
archive openssl-plain-no-mac-empty-password '' -keypbe NONE -certpbe NONE -nomac
archive openssl-legacy-rc2 changeit -legacy
archive openssl-legacy-rc2-empty-password '' -legacy
archive openssl-legacy-certificates-plain changeit -legacy -certpbe NONE
archive openssl-descert changeit -descert -legacy
archive openssl-3des changeit -keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES -macalg sha1
archive openssl-aes-128 changeit -keypbe AES-128-CBC -certpbe AES-192-CBC
archive openssl-mac-sha512 changeit -macalg sha512
archive openssl-mac-sha384 changeit -macalg sha384
archive openssl-many-rounds changeit -iter 100000
archive openssl-one-round changeit -noiter -nomaciter
archive openssl-friendly-name changeit -name 'a name' -caname 'a root'

version=$(keytool -J-version 2>&1 | sed -n 's/^openjdk version "\([0-9]*\).*/\1/p')
java() { # NAME OPTION...
  name=java-$version$1
  shift
  keytool -importkeystore -srckeystore openssl.p12 -srcstoretype PKCS12 -srcstorepass changeit -srcalias 1 \
    -destkeystore "$name.p12" -deststoretype PKCS12 -deststorepass changeit -destalias app -noprompt "$@" 2>/dev/null
}
java ''
java -legacy -J-Dkeystore.pkcs12.legacy
java -certificates-plain -J-Dkeystore.pkcs12.certProtectionAlgorithm=NONE
java -certificates-plain-no-mac -J-Dkeystore.pkcs12.certProtectionAlgorithm=NONE -J-Dkeystore.pkcs12.macAlgorithm=NONE
java -no-mac -J-Dkeystore.pkcs12.macAlgorithm=NONE
rm root.key leaf.csr
