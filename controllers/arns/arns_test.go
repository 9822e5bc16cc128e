package arns

import "testing"

const (
	full    = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:/prod/payments/db-a1B2c3"
	pattern = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:/prod/payments/db-??????"
	role    = "arn:aws-cn:iam::111122223333:role/r"
)

// each calls a function with each key of a table, and compares what it returns with the value.
func each(t *testing.T, what string, function func(string) string, table map[string]string) {
	t.Helper()
	for text, want := range table {
		if got := function(text); got != want {
			t.Errorf("the %s of %q is %q, want %q", what, text, got, want)
		}
	}
}

func TestPartsOfAnARN(t *testing.T) {
	each(t, "account", Account, map[string]string{
		full: "111122223333", role: "111122223333", "arn:aws:secretsmanager:eu-west-1": "", "arn": "", "x:aws:iam::111122223333:user/u": "", "": "",
	})
	each(t, "partition", Partition, map[string]string{
		full: "aws", role: "aws-cn", "arn:aws:iam::role/r": "", "arn": "", "x:aws:iam::111122223333:role/r": "", "": "",
	})
	each(t, "region", Region, map[string]string{
		full: "eu-west-1", "arn:aws:secretsmanager:eu-west-1:111122223333:secret": "", role: "", "/prod/db": "", "a:b:c:d:e:f:g": "", "": "",
	})
}

func TestNamesInARNs(t *testing.T) {
	each(t, "name", NameOf, map[string]string{
		full: "/prod/payments/db", "arn:aws:secretsmanager:eu-west-1:111122223333:secret:a:b-a1B2c3": "a:b", "": "", "db": "", "arn:x": "",
	})
	each(t, "tail", Tail, map[string]string{"a:b": "a:b", "arn:x": "x", "arn:aws:secretsmanager:r:1:secret:a:b": "a:b"})
	each(t, "partial ARN", Partial, map[string]string{full: full[:len(full)-7], "-a1B2c3": "", "db": "", "": ""})
}

func TestStatementsNameASecretExactly(t *testing.T) {
	each(t, "pattern", Pattern, map[string]string{
		full: pattern, full[:len(full)-7]: pattern, "arn:x:db-abcdef": "arn:x:db-abcdef-??????", "arn:x:db-abcde1": "arn:x:db-??????",
		"-a1B2c3": "-a1B2c3-??????", "arn:x:db_a1B2c3": "arn:x:db_a1B2c3-??????",
	})
	each(t, "pattern of the full ARN", PatternOfFull, map[string]string{
		full: pattern, "arn:x:my-secret": "arn:x:my-??????", "arn:x:nodash": "arn:x:nodash", "arn": "arn", "-abcdef": "-abcdef",
	})
	if got := PatternOfName("aws", "eu-west-1", "111122223333", "/prod/payments/db"); got != pattern {
		t.Errorf("a name has the pattern %s", got)
	}
	for name, want := range map[string]string{"/prod/payments/db": pattern, "db": "", "/prod/payments/db-a1B2c3": "", "": ""} {
		if got := PatternFor(full, name); got != want {
			t.Errorf("of the name %q it has the pattern %q, want %q", name, got, want)
		}
	}
	for _, resource := range []string{"-a1B2c3", "", full[:len(full)-7] + "_a1B2c3"} {
		if got := PatternFor(resource, "/prod/payments/db"); got != "" {
			t.Errorf("%q has the pattern %q", resource, got)
		}
	}
}

func TestWhatAWSTakesForAFullARN(t *testing.T) {
	for id, want := range map[string]bool{full: true, full[:len(full)-1]: false, "db-a1B2c3": false, "arn:x:my-secret": true} {
		if got := TakenForFull(id); got != want {
			t.Errorf("%q is taken for a full ARN: %v", id, got)
		}
	}
}

func TestTheSecretOfAnARN(t *testing.T) {
	for id, want := range map[string]Secret{
		"arn:aws:secretsmanager:eu-west-1:111122223333:secret:prod/db-a1b2c3": {"eu-west-1", "111122223333", "prod/db-a1b2c3"},
		"arn:aws-cn:secretsmanager:cn-north-1:111122223333:secret:db":         {"cn-north-1", "111122223333", "db"},
		"prod/db": {},
		"arn:aws:ssm:eu-west-1:111122223333:secret:db":             {},
		"arn:aws:secretsmanager:eu-west-1:111122223333:replica:db": {},
		"arn:aws:secretsmanager:eu-west-1:111122223333":            {},
		"": {},
	} {
		got, ok := ParseSecret(id)
		if got != want || ok != (want != Secret{}) {
			t.Errorf("%q is of %+v (%t), want %+v", id, got, ok, want)
		}
	}
}

func TestReplicasDifferInTheRegion(t *testing.T) {
	each(t, "in eu-central-1", func(id string) string { return InRegion(id, "eu-central-1") }, map[string]string{
		"arn:aws:secretsmanager:eu-west-1:111122223333:secret:a:b-a1b2c3": "arn:aws:secretsmanager:eu-central-1:111122223333:secret:a:b-a1b2c3",
		"prod/db":                            "prod/db",
		"arn:aws:iam::111122223333:role/app": "arn:aws:iam::111122223333:role/app",
	})
}

func TestWhatLooksLikeASuffixIsCutOff(t *testing.T) {
	for name, want := range map[string]string{"db-a1b2c3": "db", "db": "", "-a1b2c3": "", "db_a1b2c3": "", "a-b-c1d2e3": "a-b"} {
		got, ok := WithoutSuffix(name)
		if got != want || ok != (want != "") {
			t.Errorf("%q is %q (%t), want %q", name, got, ok, want)
		}
	}
}
