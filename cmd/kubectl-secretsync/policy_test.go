package main

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/cmd/kubectl-secretsync/leastprivilege"
)

// subject is a SecretSync that finds secrets by a tag, and keeps former values of one that it names.
func (s *setup) subject() {
	s.Helper()
	s.write("subject.yaml", secretSyncOf("db", "source: {secretID: /app/db}, keepPrevious: {for: 1h}, data: [{key: a}], dataFrom: [{find: {namePrefix: /app/, tags: {team: pay}}}]"))
}

// policyArguments are flags by which AWS need not be asked.
func policyArguments(more ...string) []string {
	return append([]string{"policy", "-f", "subject.yaml", "--account", "111122223333", "--region", "eu-west-1", "--kms-key", "none"}, more...)
}

// TestPolicyCheck: what is missing and what is too much, and nothing of a policy that was printed.
func TestPolicyCheck(t *testing.T) {
	s := newSetup(t)
	s.withAWS()
	s.files()
	s.subject()
	for _, flags := range [][]string{nil, {"--with-cheaper"}} {
		printed := s.plugin(policyArguments(flags...)...)
		if printed.code != exitWell {
			t.Fatal(printed)
		}
		s.write("printed.json", printed.out)
		s.expect(exitWell, "The policy is what operator needs.", policyArguments("--check", "printed.json")...)
	}
	const (
		db   = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:/app/db-??????"
		apps = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:/app/*-??????"
	)
	stages := leastprivilege.Condition{"StringEquals": {"secretsmanager:VersionStage": {"AWSCURRENT", "AWSPREVIOUS"}}}
	tagged := leastprivilege.Condition{"StringEquals": {"secretsmanager:VersionStage": {"AWSCURRENT", "AWSPREVIOUS"}, "secretsmanager:ResourceTag/team": {"pay"}}}
	region := leastprivilege.Condition{"StringEquals": {"aws:RequestedRegion": {"eu-west-1"}}}
	statement := func(action, resource string, condition leastprivilege.Condition) leastprivilege.Statement {
		return leastprivilege.Statement{Effect: "Allow", Action: []string{action}, Resource: []string{resource}, Condition: condition}
	}
	read, list := "secretsmanager:GetSecretValue", statement("secretsmanager:ListSecrets", "*", region)
	good := []leastprivilege.Statement{statement(read, db, stages), statement(read, apps, tagged), list}
	for name, test := range map[string]struct {
		statements []leastprivilege.Statement
		want       []string
	}{
		"what is needed": {good, nil},
		"no list":        {good[:2], []string{"missing secretsmanager:ListSecrets * aws:RequestedRegion=eu-west-1"}},
		"only one label": {
			[]leastprivilege.Statement{statement(read, db, leastprivilege.Condition{"StringEquals": {"secretsmanager:VersionStage": {"AWSCURRENT"}}}), good[1], list},
			[]string{"missing " + read + " " + db + " secretsmanager:VersionStage=AWSPREVIOUS"}},
		"no condition": {[]leastprivilege.Statement{statement(read, db, nil), good[1], list},
			[]string{"too much " + read + " " + db + " without the condition StringEquals secretsmanager:VersionStage=AWSCURRENT,AWSPREVIOUS"}},
		"another label": {
			[]leastprivilege.Statement{statement(read, db, leastprivilege.Condition{"StringEquals": {"secretsmanager:VersionStage": {"AWSCURRENT", "AWSPREVIOUS", "AWSPENDING"}}}), good[1], list},
			[]string{"too much " + read + " " + db + " without the condition StringEquals secretsmanager:VersionStage=AWSCURRENT,AWSPREVIOUS"}},
		"an asterisk for the suffix": {
			[]leastprivilege.Statement{statement(read, strings.TrimSuffix(db, "??????")+"*", stages), good[1], list},
			[]string{"too much " + read + " " + strings.TrimSuffix(db, "??????") + "* not this resource is needed"}},
		"all secrets":  {[]leastprivilege.Statement{statement(read, "*", stages), good[1], list}, []string{"too much " + read + " * not this resource is needed"}},
		"a write":      {append(slices.Clone(good), statement("secretsmanager:PutSecretValue", db, nil)), []string{"too much secretsmanager:PutSecretValue " + db + " this action is not needed"}},
		"all actions":  {append(slices.Clone(good), statement("secretsmanager:*", db, stages)), []string{"too much secretsmanager:* " + db + " this action is not needed"}},
		"what is well": {append(slices.Clone(good), statement("secretsmanager:DescribeSecret", db, nil)), nil},
		"a denial": {append(slices.Clone(good), leastprivilege.Statement{Effect: "Deny", Action: []string{read}, Resource: []string{db}}),
			[]string{"missing " + read + " " + db + " secretsmanager:VersionStage=AWSCURRENT", "missing " + read + " " + db + " secretsmanager:VersionStage=AWSPREVIOUS"}},
	} {
		text, err := json.Marshal(leastprivilege.Document{Version: "2012-10-17", Statement: test.statements})
		if err != nil {
			t.Fatal(err)
		}
		s.write("policy.json", string(text))
		got := s.plugin(policyArguments("--check", "policy.json")...)
		var lines []string
		if squeezed(got.out) != "" {
			lines = strings.Split(strings.TrimSpace(squeezed(got.out)), "\n")[1:]
		}
		want := exitWell
		if len(test.want) > 0 {
			want = exitTrouble
		}
		if got.code != want || !slices.Equal(lines, test.want) {
			t.Errorf("%s: exit code %d: %q, want %q; %s", name, got.code, lines, test.want, got.errOut)
		}
	}
	s.write("policy.json", `{"Statement": {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}}`)
	s.expect(exitTrouble, "too much NotAction or NotResource *", policyArguments("--check", "policy.json")...)
	s.write("policy.json", `{"Statement": {"Effect": "Perhaps"}}`)
	s.expect(exitUsage, `the effect is "Perhaps"`, policyArguments("--check", "policy.json")...)
}

// TestPolicyUnknown: what is not known has a placeholder, and the exit code says so.
func TestPolicyUnknown(t *testing.T) {
	s := newSetup(t)
	s.files()
	s.subject()
	s.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	s.Setenv("AWS_REGION", "eu-west-1")
	s.Setenv("AWS_CONFIG_FILE", os.DevNull)
	s.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
	s.expect(exitUndetermined, "its account or region is not known: set --account and --region", "policy", "-f", "subject.yaml")
	s.expect(exitUndetermined, "arn:aws:kms:eu-west-1:111122223333:key/UNKNOWN-KEY", "policy", "-f", "subject.yaml", "--account", "111122223333")
	s.expect(exitUndetermined, "AWS was not asked, as you have no credentials there: set --kms-key", "policy", "-f", "subject.yaml", "--account", "111122223333", "-o", "json")
	s.expect(exitUndetermined, "oidc-provider/UNKNOWN-ISSUER", policyArguments("--trust")...)
	s.expect(exitWell, "\"aws:RequestedRegion\"\n", policyArguments("--format", "terraform")...)
	s.expect(exitUsage, "several identities read", policyArguments("-f", "roles.yaml", "--check", "values.yaml")...)
	s.expect(exitWell, "secretsmanager.cn-north-1.amazonaws.com.cn", "policy", "-f", "subject.yaml", "--account", "111122223333", "--region", "cn-north-1",
		"--kms-key", "arn:aws-cn:kms:cn-north-1:111122223333:key/1")
}

// TestPolicyTrust: a role is trusted to the identity before it, with the external id, for the namespace.
func TestPolicyTrust(t *testing.T) {
	s := newSetup(t)
	s.files()
	const role = "arn:aws:iam::444455556666:role/read"
	s.write("subject.yaml", secretSyncOf("db", "source: {secretID: /app/db}, auth: {serviceAccountRef: {name: reader}, viaRoleARNs: ['arn:aws:iam::111122223333:role/hub'], roleARN: '"+role+"', externalID: '${x}'}"))
	got := s.plugin(policyArguments("--trust", "--identity", role)...)
	want := leastprivilege.Document{Version: "2012-10-17", Statement: []leastprivilege.Statement{{
		Sid: "Assume", Effect: "Allow", Principal: map[string]string{"AWS": "arn:aws:iam::111122223333:role/hub"}, Action: []string{"sts:AssumeRole", "sts:TagSession"},
		Condition: leastprivilege.Condition{"StringEquals": {"sts:ExternalId": {"${x}"}, "aws:RequestTag/kubernetes-namespace": {s.namespace}}},
	}}}
	if text := encoded(t, want); got.code != exitWell || compact(t, got.out) != text {
		t.Errorf("%+v, want %s", got, text)
	}
	s.expect(exitWell, `values = ["$${x}"]`, policyArguments("--trust", "--identity", role, "--format", "terraform")...)
	s.expect(exitWell, `secret:/app/db-??????`, policyArguments("--identity", role)...)
	s.expect(exitTrouble, "no SecretSync is read by the identity", policyArguments("--identity", "operator")...)
}

func compact(t *testing.T, text string) string {
	t.Helper()
	var read leastprivilege.Document
	if err := json.Unmarshal([]byte(text), &read); err != nil {
		t.Fatal(err)
	}
	return encoded(t, read)
}
