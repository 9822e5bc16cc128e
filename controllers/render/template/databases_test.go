package template

import (
	"encoding/json"
	"net/url"
	"os/exec"
	"strings"
	"testing"
)

// awkward are texts with every character that means something to a URL, a DSN, a shell or a file.
func awkward() []string {
	return []string{"plain", "p@ss:w/rd?#[]% +&=;,'\"\\`$(){}|<>^~!*", "%41%zz", "a\tb", "héé字🙂", " lead and trail ", "::/@//", "\x01\x7f", "-._~"}
}

func TestURLsAreParsedBackToTheirParts(t *testing.T) {
	for _, function := range []string{"postgresURL", "mysqlURL", "mongodbURL"} {
		for _, text := range awkward() {
			for host, want := range map[string]string{"db.example.com": "db.example.com:5432", "2001:db8::1": "[2001:db8::1]:5432", "[::1]": "[::1]:5432", "10.0.0.1": "10.0.0.1:5432"} {
				data := map[string]string{"username": text, "password": text, "host": host, "port": "5432", "dbname": text, "text": text}
				got, err := render(`{{ `+function+` . (dict "parameters" (dict "a b" .text)) }}`, data)
				if err != nil {
					t.Fatalf("%s: %v", function, err)
				}
				parsed, err := url.Parse(got)
				if err != nil {
					t.Errorf("%s of the text %q does not parse: %v", function, text, err)
					continue
				}
				password, _ := parsed.User.Password()
				if parsed.User.Username() != text || password != text || parsed.Host != want || strings.TrimPrefix(parsed.Path, "/") != text ||
					parsed.Query().Get("a b") != text || parsed.Fragment != "" {
					t.Errorf("%s of %q is parsed as %q", function, text, parsed)
				}
				if strings.Contains(got, "+") {
					t.Errorf("%s has a +, which libpq does not take for a space: %s", function, got)
				}
			}
		}
	}
}

func TestDatabases(t *testing.T) {
	managed := map[string]string{"username": "u", "password": "p/w@x:y"}
	renders(t, managed, map[string]string{
		`{{ postgresURL . (dict "host" "h" "port" 1 "dbname" "d") }}`:                       "postgresql://u:p%2Fw%40x%3Ay@h:1/d",
		`{{ postgresURL . (dict "host" "h") }}`:                                             "postgresql://u:p%2Fw%40x%3Ay@h",
		`{{ postgresURL (dict "host" "h" "sslmode" "require") }}`:                           "postgresql://h/?sslmode=require",
		`{{ postgresURL . (dict "host" "/var/run/pg" "port" "5433" "dbname" "d") }}`:        "postgresql://u:p%2Fw%40x%3Ay@/d?host=%2Fvar%2Frun%2Fpg&port=5433",
		`{{ dict "host" "h" | postgresURL }}`:                                               "postgresql://h",
		`{{ mysqlDSN . (dict "host" "::1") }}`:                                              "u:p/w@x:y@tcp([::1]:3306)/",
		`{{ mysqlDSN . (dict "host" "/run/mysqld.sock" "dbname" "a/b") }}`:                  "u:p/w@x:y@unix(/run/mysqld.sock)/a%2Fb",
		`{{ mysqlDSN . (dict "host" "h" "parameters" (dict "loc" "Europe/Paris" "a" 1)) }}`: "u:p/w@x:y@tcp(h:3306)/?a=1&loc=Europe%2FParis",
		`{{ sqlserverURL . (dict "host" "h" "port" 1433 "dbname" "d b") }}`:                 "sqlserver://u:p%2Fw%40x%3Ay@h:1433?database=d%20b",
		`{{ redisURL (omit . "username") (dict "host" "h") }}`:                              "redis://:p%2Fw%40x%3Ay@h",
		`{{ redisURL (dict "host" "h" "ssl" true "port" 6380) }}`:                           "rediss://h:6380",
		`{{ jdbcURL (dict "engine" "aurora-mysql" "host" "h" "dbname" "d") }}`:              "jdbc:mysql://h:3306/d",
		`{{ jdbcURL (dict "engine" "mariadb" "host" "h" "dbname" "d") }}`:                   "jdbc:mariadb://h:3306/d",
		`{{ pgpass . }}`: "*:*:*:u:p/w@x\\:y\n",
		`{{ pgpass (dict "host" "::1" "password" "a\\b:c") }}`:                                "\\:\\:1:*:*:*:a\\\\b\\:c\n",
		`{{ postgresURL (dict "username" "a" "host" "h") (dict "username" "b" "port" "1") }}`: "postgresql://a@h:1",
	})
	refuses(t, managed, map[string]string{
		`{{ postgresURL . }}`:                                    `postgresURL: the field "host" is missing`,
		`{{ mysqlURL . (dict "host" "a,b") }}`:                   `the field "host" must be`,
		`{{ mysqlURL . (dict "host" "h:1") }}`:                   `the field "host" must be`,
		`{{ mysqlURL . (dict "host" "h@evil.example.com") }}`:    `the field "host" must be`,
		`{{ mysqlURL . (dict "host" "h" "port" "1/x") }}`:        `the field "port" must be`,
		`{{ mysqlURL . (dict "host" "h" "port" 70000) }}`:        `the field "port" must be`,
		`{{ mysqlDSN (dict "username" "a:b" "host" "h") }}`:      `the field "username" has a character`,
		`{{ jdbcURL . (dict "host" "h" "engine" "oracle") }}`:    `the field "engine" must be`,
		`{{ redisURL . (dict "host" "h" "dbname" "x") }}`:        `number of a database`,
		`{{ pgpass (dict "password" "a\nb") }}`:                  "line break",
		`{{ postgresURL .password }}`:                            "argument 1 is a text, and a map is needed",
		`{{ postgresURL (dict "host" (list 1)) }}`:               `the field "host" is a list`,
		`{{ postgresURL (dict "host" "h" "parameters" "a=b") }}`: `the field "parameters" must be a map`,
	})
}

func TestShellsReadWhatWasQuoted(t *testing.T) {
	for _, text := range awkward() {
		for _, source := range []string{`printf %s {{ squote .x }}`, "{{ toDotenv (dict \"X\" .x) }}printf %s \"$X\""} {
			script, err := render(source, map[string]string{"x": text + "\nnext"})
			if err != nil {
				t.Fatal(err)
			}
			output, err := exec.CommandContext(t.Context(), "sh", "-c", script).Output()
			if err != nil || string(output) != text+"\nnext" {
				t.Errorf("sh reads %q as %q (%v)", text, output, err)
			}
		}
	}
}

func TestLoginsAreParsedBack(t *testing.T) {
	for _, text := range awkward() {
		got, err := render(`{{ dockerConfigJson (dict "registry" "a.example.com" "username" "u" "password" .x) (dict "registry" "b.example.com" "username" .x "password" "p" "email" "e") }}`,
			map[string]string{"x": text})
		if err != nil {
			t.Fatal(err)
		}
		var config struct {
			Auths map[string]struct{ Username, Password, Email, Auth string }
		}
		if err := json.Unmarshal([]byte(got), &config); err != nil {
			t.Fatal(err)
		}
		if a, b := config.Auths["a.example.com"], config.Auths["b.example.com"]; len(config.Auths) != 2 || a.Password != text || a.Auth != basic("u", text) || b.Username != text || b.Email != "e" {
			t.Errorf("%q is parsed as %+v", text, config)
		}
	}
	refuses(t, map[string]string{"x": "u"}, map[string]string{
		`{{ dockerConfigJson (dict "registry" "r" "username" "u") }}`:                               `argument 1 needs a text as field "password"`,
		`{{ $r := dict "registry" "r" "username" "u" "password" "p" }}{{ dockerConfigJson $r $r }}`: "names a registry that another one names",
		`{{ htpasswd "u" "p" "salt" }}`:                                                             "the salt must have 8 to 16 characters",
		`{{ htpasswd "a:b" "p" "saltsalt" }}`:                                                       "the name must not",
	})
}

// TestHashesAreThoseOfCrypt has the vectors that come with the specification of SHA-crypt, and some of openssl passwd
// -6.
func TestHashesAreThoseOfCrypt(t *testing.T) {
	renders(t, nil, map[string]string{
		`{{ htpasswd "u" "Hello world!" "saltstring" }}`:         "u:$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1\n",
		`{{ htpasswd "u" "PASSWORD256" "0123456789abcdef" }}`:    "u:$6$0123456789abcdef$piXrVdN9FI.fvVIfylMLlxXcqiCGrTzBtKGrt8Ug8MO559Wg9smP2wMbN/5qY3n.7vtMs9MgzijzsB8boV2Bq.\n",
		`{{ htpasswd "u" (repeat 130 "x") "0123456789abcdef" }}`: "u:$6$0123456789abcdef$aMqNf.eV1.F/kHG/PEL81Pb27I7rzRTDeKdTlYCjj3airFUvYUi1V5OMp2naCZ9mb51oc5cCLILVi/.dIJETu1\n",
	})
}
