package localaws_test

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/secretsync/secretsync/hack/localaws"
)

// allowing is a statement's policy about secrets.
func allowing(actions, resource, condition string) string {
	return fmt.Sprintf(`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": %s, "Resource": %q, "Condition": {%s}}]}`, actions, resource, condition)
}

const reading = `["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"]`

// tagged makes a secret with a tag.
func (s *setup) tagged(name, key, value string) string {
	s.Helper()
	made, err := s.CreateSecret(s.Context(), &secretsmanager.CreateSecretInput{Name: &name, SecretString: aws.String("x"), Tags: []types.Tag{{Key: &key, Value: &value}}})
	return aws.ToString(must(s.T, made, err).ARN)
}

// TestTagsDecide tests attribute-based access control: one role for all tenants, whose sessions are tagged.
func TestTagsDecide(t *testing.T) {
	s := newGuardedSetup(t)
	payments, orders := s.tagged("payments/db", "namespace", "payments"), s.tagged("orders/db", "namespace", "orders")
	plain := aws.ToString(s.create("plain", "x").ARN)
	operator := s.user("operator", everything)
	byTag := s.role("by-tag", accountTrust, allowing(reading, "*", `"StringEquals": {"aws:ResourceTag/namespace": "${aws:PrincipalTag/kubernetes-namespace}"}`))
	byKey := s.role("by-key", accountTrust, allowing(reading, "*", `"StringEquals": {"secretsmanager:ResourceTag/namespace": "${aws:PrincipalTag/kubernetes-namespace}"}`))
	byName := s.role("by-name", accountTrust, allowing(reading, "arn:aws:secretsmanager:*:*:secret:${aws:PrincipalTag/kubernetes-namespace}/*", ""))
	for _, role := range []string{byTag, byKey, byName} {
		ofPayments := s.mustAssume(operator, role, "kubernetes-namespace", "payments")
		for secret, mine := range map[string]bool{payments: true, orders: false, plain: false} {
			err := s.read(s.secrets(ofPayments), secret)
			if mine {
				if err != nil {
					t.Errorf("%s: %v", role, err)
				}
				continue
			}
			name := role[len("arn:aws:iam::111122223333:role/"):]
			refusedWhole(t, err, denied, "User: arn:aws:sts::111122223333:assumed-role/"+name+"/s-1 is not authorized to perform: secretsmanager:GetSecretValue on resource: "+
				secret+" because no identity-based policy allows the secretsmanager:GetSecretValue action")
		}
		if err := s.read(s.secrets(s.mustAssume(operator, role)), payments); err == nil {
			t.Errorf("%s: a session without tags reads", role)
		}
	}
}

func TestConditionsOfReads(t *testing.T) {
	s := newGuardedSetup(t)
	arn := s.tagged("db", "team", "red")
	var versionID string
	for id := range s.described("db").VersionIdsToStages {
		versionID = id
	}
	current := &secretsmanager.GetSecretValueInput{SecretId: &arn, VersionStage: aws.String("AWSCURRENT")}
	silent := &secretsmanager.GetSecretValueInput{SecretId: &arn}
	byID := &secretsmanager.GetSecretValueInput{SecretId: &arn, VersionId: &versionID}
	byName := &secretsmanager.GetSecretValueInput{SecretId: aws.String("db"), VersionStage: aws.String("AWSCURRENT")}
	for name, c := range map[string]struct {
		condition string
		input     *secretsmanager.GetSecretValueInput
		want      bool
	}{
		"the stage":                       {`"StringEquals": {"secretsmanager:VersionStage": "AWSCURRENT"}`, current, true},
		"another stage":                   {`"StringEquals": {"secretsmanager:VersionStage": "AWSPREVIOUS"}`, current, false},
		"the stage, which is not named":   {`"StringEquals": {"secretsmanager:VersionStage": "AWSCURRENT"}`, silent, false},
		"the version":                     {`"StringEquals": {"secretsmanager:VersionId": "` + versionID + `"}`, byID, true},
		"the version, which is not named": {`"Null": {"secretsmanager:VersionId": "false"}`, current, false},
		"the secret, by ARN":              {`"StringEquals": {"secretsmanager:SecretId": "` + arn + `"}`, current, true},
		"the secret, by name":             {`"StringEquals": {"secretsmanager:SecretId": "` + arn + `"}`, byName, false},
		"the region":                      {`"StringEquals": {"aws:RequestedRegion": "eu-west-1"}`, current, true},
		"another region":                  {`"StringEquals": {"aws:RequestedRegion": "us-east-1"}`, current, false},
		"the principal":                   {`"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:user/app"}`, current, true},
		"the principal's account":         {`"StringNotEquals": {"aws:PrincipalAccount": "111122223333"}`, current, false},
		"the secret's account":            {`"StringEquals": {"aws:ResourceAccount": "111122223333"}`, current, true},
		"the tag":                         {`"StringEquals": {"aws:ResourceTag/team": "red"}`, current, true},
		"a tag that is not there":         {`"Null": {"aws:ResourceTag/owner": "false"}`, current, false},
	} {
		client := s.secrets(s.user("app", allowing(reading, "*", c.condition)))
		if _, err := client.GetSecretValue(t.Context(), c.input); (err == nil) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDenialsOfPolicies(t *testing.T) {
	s := newGuardedSetup(t)
	arn := aws.ToString(s.create("db", "x").ARN)
	const me = "User: arn:aws:iam::111122223333:user/app is not authorized to perform: "
	app := s.user("app")
	refusedWhole(t, s.read(s.secrets(app), "db"), denied, me+"secretsmanager:GetSecretValue on resource: "+arn+" because no identity-based policy allows the secretsmanager:GetSecretValue action")
	refusedWhole(t, s.read(s.secrets(app), "none"), denied, me+"secretsmanager:GetSecretValue on resource: none because no identity-based policy allows the secretsmanager:GetSecretValue action")
	_, err := s.secrets(app).ListSecrets(t.Context(), &secretsmanager.ListSecretsInput{})
	refusedWhole(t, err, denied, me+"secretsmanager:ListSecrets because no identity-based policy allows the secretsmanager:ListSecrets action")
	s.user("app", everything, `{"Statement": {"Effect": "Deny", "Action": "secretsmanager:Get*", "Resource": "*:secret:db-??????"}}`)
	refusedWhole(t, s.read(s.secrets(app), "db"), denied, me+"secretsmanager:GetSecretValue on resource: "+arn+" with an explicit deny in an identity-based policy")
	if _, err := s.secrets(app).DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: &arn}); err != nil {
		t.Error(err)
	}
	s.user("app")
	own := `{"Statement": [{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:user/app"}, "Action": "secretsmanager:GetSecretValue", "Resource": "*"}]}`
	s.attach("db", own)
	if err := s.read(s.secrets(app), "db"); err != nil {
		t.Errorf("the secret's own policy: %v", err)
	}
	s.attach("db", `{"Statement": [{"Effect": "Deny", "Principal": "*", "Action": "secretsmanager:GetSecretValue", "Resource": "*", "Condition": {"StringNotEquals": {"aws:PrincipalArn": "arn:aws:iam::111122223333:user/other"}}}]}`)
	s.user("app", everything)
	refusedWhole(t, s.read(s.secrets(app), "db"), denied, me+"secretsmanager:GetSecretValue on resource: "+arn+" with an explicit deny in a resource-based policy")
	s.SetRules(localaws.Rule{Deny: true, Because: "with an explicit deny in a service control policy"})
	refusedWhole(t, s.read(s.secrets(app), "db"), denied, me+"secretsmanager:GetSecretValue on resource: "+arn+" with an explicit deny in a service control policy")
	s.SetRules()
	_, err = s.PutResourcePolicy(t.Context(), &secretsmanager.PutResourcePolicyInput{SecretId: &arn, ResourcePolicy: aws.String(`{"Statement": {"Effect": "Allow", "Action": "*"}}`)})
	refused(t, err, "MalformedPolicyDocumentException", "This resource policy contains a syntax error")
}

func (s *setup) attach(id, policy string) {
	s.Helper()
	_, err := s.PutResourcePolicy(s.Context(), &secretsmanager.PutResourcePolicyInput{SecretId: &id, ResourcePolicy: &policy})
	must(s.T, "", err)
}

func TestBatchesArePermittedOneByOne(t *testing.T) {
	s := newGuardedSetup(t)
	s.create("mine", "x")
	s.create("others", "x")
	batch := allowing(`"secretsmanager:BatchGetSecretValue"`, "*", "")
	ids := &secretsmanager.BatchGetSecretValueInput{SecretIdList: []string{"mine", "others"}}
	byFilter := &secretsmanager.BatchGetSecretValueInput{Filters: []types.Filter{{Key: "name", Values: []string{"mine"}}}}
	_, err := s.secrets(s.user("app", allowing(reading, "*", ""))).BatchGetSecretValue(t.Context(), ids)
	refused(t, err, denied, "User: arn:aws:iam::111122223333:user/app is not authorized to perform: secretsmanager:BatchGetSecretValue because no")
	app := s.secrets(s.user("app", batch, allowing(reading, "*:secret:mine-??????", "")))
	got, err := app.BatchGetSecretValue(t.Context(), ids)
	if must(t, got, err); len(got.SecretValues) != 1 || len(got.Errors) != 1 {
		t.Fatalf("%d values and %d errors, want one of each", len(got.SecretValues), len(got.Errors))
	}
	if code := aws.ToString(got.Errors[0].ErrorCode); code != denied {
		t.Errorf("the error is %s, want %s", code, denied)
	}
	_, err = app.BatchGetSecretValue(t.Context(), byFilter)
	refused(t, err, denied, "User: arn:aws:iam::111122223333:user/app is not authorized to perform: secretsmanager:ListSecrets because no")
	staged := s.secrets(s.user("app", batch, allowing(reading, "*", `"StringEquals": {"secretsmanager:VersionStage": "AWSCURRENT"}`)))
	got, err = staged.BatchGetSecretValue(t.Context(), ids)
	if must(t, got, err); len(got.Errors) != 2 {
		t.Error("a batch has no staging label, and was handled as if it had one")
	}
}

const (
	keyHere  = "arn:aws:kms:eu-west-1:111122223333:key/1234"
	noKMS    = "Access to KMS is not allowed"
	decrypts = `{"Statement": {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "arn:aws:kms:eu-west-1:111122223333:key/1234"}}`
	viaUs    = `{"Statement": {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*", "Condition": {"StringEquals": {"kms:ViaService": "secretsmanager.eu-west-1.amazonaws.com"},
		"StringLike": {"kms:EncryptionContext:SecretARN": "arn:aws:secretsmanager:eu-west-1:111122223333:secret:db-??????"}}}}`
)

func TestKeysHaveASay(t *testing.T) {
	s := newGuardedSetup(t)
	_, err := s.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("db"), KmsKeyId: aws.String(keyHere), SecretString: aws.String("x")})
	must(t, "", err)
	const app, read = "arn:aws:iam::111122223333:user/app", `{"Statement": {"Effect": "Allow", "Action": "secretsmanager:*", "Resource": "*"}}`
	policy := func(effect, principal string) string {
		return fmt.Sprintf(`{"Statement": {"Effect": %q, "Principal": {"AWS": %q}, "Action": "kms:Decrypt", "Resource": "*"}}`, effect, principal)
	}
	for name, c := range map[string]struct {
		key, own string
		grants   []string
		want     bool
	}{
		"the key is the account's, and the user may":     {"", decrypts, nil, true},
		"the key is the account's, and the user may not": {"", "", nil, false},
		"the user may by way of Secrets Manager":         {"", viaUs, nil, true},
		"the key names the user":                         {policy("Allow", app), "", nil, true},
		"the key names another":                          {policy("Allow", app+"2"), decrypts, nil, false},
		"the key denies":                                 {policy("Deny", app), decrypts, nil, false},
		"a grant":                                        {policy("Allow", app+"2"), "", []string{app}, true},
		"a grant to another":                             {policy("Allow", app+"2"), "", []string{app + "2"}, false},
		"a grant, and the key denies":                    {policy("Deny", app), "", []string{app}, false},
		"the user may decrypt with another key":          {"", `{"Statement": {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "arn:aws:kms:eu-west-1:111122223333:key/5678"}}`, nil, false},
		"the user may for another secret":                {"", `{"Statement": {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*", "Condition": {"StringLike": {"kms:EncryptionContext:SecretARN": "*:secret:other-??????"}}}}`, nil, false},
	} {
		must(t, "", s.SetKeyPolicy(keyHere, c.key, c.grants...))
		policies := []string{read}
		if c.own != "" {
			policies = append(policies, c.own)
		}
		client := s.secrets(s.user("app", policies...))
		if err := s.read(client, "db"); c.want && err != nil {
			t.Errorf("%s: %v", name, err)
		} else if !c.want {
			refusedWhole(t, err, denied, noKMS)
		}
		if _, err := client.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: aws.String("db")}); err != nil {
			t.Errorf("%s: DescribeSecret, which decrypts nothing: %v", name, err)
		}
	}
	if s.SetKeyPolicy(keyHere, decrypts) == nil {
		t.Error("a key accepts an identity's policy")
	}
}

func TestAcrossAccountsAllMustAllow(t *testing.T) {
	s := newGuardedSetup(t)
	made, err := s.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("db"), KmsKeyId: aws.String(keyHere), SecretString: aws.String("x")})
	arn := aws.ToString(must(t, made, err).ARN)
	const shared = `{"Statement": {"Effect": "Allow", "Principal": {"AWS": "444455556666"}, "Action": "*", "Resource": "*"}}`
	const own = `{"Statement": {"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "*", "Resource": "*"}}`
	const because = "User: arn:aws:iam::444455556666:user/foreign is not authorized to perform: secretsmanager:GetSecretValue on resource: "
	for name, c := range map[string]struct {
		user, secret, key string
		text              string
	}{
		"all three":         {everything, shared, shared, ""},
		"not the user's":    {decrypts, shared, shared, because + arn + " because no identity-based policy allows the secretsmanager:GetSecretValue action"},
		"not the secret's":  {everything, own, shared, because + arn + " because no resource-based policy allows the secretsmanager:GetSecretValue action"},
		"not the key's":     {everything, shared, own, noKMS},
		"not for the key":   {`{"Statement": {"Effect": "Allow", "Action": "secretsmanager:*", "Resource": "*"}}`, shared, shared, noKMS},
		"the key of no one": {everything, shared, "", noKMS},
	} {
		s.attach("db", c.secret)
		must(t, "", s.SetKeyPolicy(keyHere, c.key))
		err := s.read(s.secrets(s.userOf(otherAccount, "foreign", c.user)), arn)
		if c.text != "" {
			t.Log(name)
			refusedWhole(t, err, denied, c.text)
		} else if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	plain := aws.ToString(s.create("plain", "x").ARN)
	s.attach("plain", shared)
	refusedWhole(t, s.read(s.secrets(s.userOf(otherAccount, "foreign", everything)), plain), "InvalidRequestException",
		"You can't access a secret from a different AWS account if you encrypt the secret with the default KMS service key.")
	refused(t, s.read(s.secrets(s.userOf(otherAccount, "foreign", everything)), "plain"), notFound, "Secrets Manager can't find the specified secret.")
	theirs, err := s.secrets(s.userOf(otherAccount, "foreign", everything)).CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("plain"), SecretString: aws.String("y")})
	if got := aws.ToString(must(t, theirs, err).ARN); got[:len(got)-7] != "arn:aws:secretsmanager:eu-west-1:444455556666:secret:plain" {
		t.Errorf("the foreign account's own secret is %s", got)
	}
}
