package localaws_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/secretsync/secretsync/hack/localaws"
)

const denied = "AccessDeniedException"

func (s *setup) read(client *secretsmanager.Client, id string) error {
	_, err := client.GetSecretValue(s.Context(), &secretsmanager.GetSecretValueInput{SecretId: &id})
	return err
}

func TestRulesAllowAndDeny(t *testing.T) {
	s := newSetup(t)
	s.AddPrincipal("reader", localaws.Principal{Account: localaws.DefaultAccount, ARN: "arn:aws:iam::111122223333:role/reader"})
	reader := client(s.URL(), localaws.DefaultRegion, "reader")
	arn := aws.ToString(s.create("/prod/db", "x").ARN)
	s.create("/prod/db-of-others", "x")
	s.SetRules(
		localaws.Rule{Principal: "*:role/reader", Action: "secretsmanager:GetSecretValue", Resource: "*:secret:/prod/db-??????"},
		localaws.Rule{Principal: "*:root"})
	if err := s.read(reader, "/prod/db"); err != nil {
		t.Error(err)
	}
	refused(t, s.read(reader, "/prod/db-of-others"), denied, "User: arn:aws:iam::111122223333:role/reader is not authorized to perform: secretsmanager:GetSecretValue on resource: arn:aws:secretsmanager:eu-west-1:111122223333:secret:/prod/db-of-others-")
	_, err := reader.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: aws.String("/prod/db")})
	refused(t, err, denied, "User: arn:aws:iam::111122223333:role/reader is not authorized to perform: secretsmanager:DescribeSecret on resource: "+arn+" because no identity-based policy allows the secretsmanager:DescribeSecret action")
	refused(t, s.read(reader, "none"), denied, "User: arn:aws:iam::111122223333:role/reader is not authorized to perform: secretsmanager:GetSecretValue on resource: none because")
	if err := s.read(s.Client, "/prod/db"); err != nil {
		t.Errorf("another principal: %v", err)
	}
	s.SetRules(localaws.Rule{Deny: true, Action: "secretsmanager:*", Because: "with an explicit deny in a service control policy"})
	refused(t, s.read(reader, "/prod/db"), denied, "User: arn:aws:iam::111122223333:role/reader is not authorized to perform: secretsmanager:GetSecretValue on resource: "+arn+" with an explicit deny in a service control policy")
}

func TestAnotherAccountNeedsAResourcePolicy(t *testing.T) {
	s := newSetup(t)
	s.AddPrincipal("foreign", localaws.Principal{Account: "444455556666", ARN: "arn:aws:iam::444455556666:role/app"})
	foreign := client(s.URL(), localaws.DefaultRegion, "foreign")
	arn := aws.ToString(s.create("db", "x").ARN)
	refused(t, s.read(foreign, "db"), notFound, "Secrets Manager can't find the specified secret.")
	refused(t, s.read(foreign, arn), denied, "User: arn:aws:iam::444455556666:role/app is not authorized to perform: secretsmanager:GetSecretValue on resource: "+arn+" because no resource-based policy allows")
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::444455556666:root"},"Action":"secretsmanager:GetSecretValue","Resource":"*"}]}`
	_, err := s.PutResourcePolicy(t.Context(), &secretsmanager.PutResourcePolicyInput{SecretId: aws.String("db"), ResourcePolicy: &policy})
	must(t, "", err)
	if err := s.read(foreign, arn); err != nil {
		t.Error(err)
	}
	_, err = foreign.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: &arn})
	refused(t, err, denied, "User: arn:aws:iam::444455556666:role/app")
	got, err := s.GetResourcePolicy(t.Context(), &secretsmanager.GetResourcePolicyInput{SecretId: aws.String("db")})
	if aws.ToString(must(t, got, err).ResourcePolicy) != policy {
		t.Error("the policy came back changed")
	}
	deny := strings.Replace(policy, `"Allow"`, `"Deny"`, 1)
	_, err = s.PutResourcePolicy(t.Context(), &secretsmanager.PutResourcePolicyInput{SecretId: aws.String("db"), ResourcePolicy: &deny})
	must(t, "", err)
	refused(t, s.read(foreign, arn), denied, "User: arn:aws:iam::444455556666:role/app is not authorized to perform: secretsmanager:GetSecretValue on resource: "+arn+" with an explicit deny in a resource-based policy")
	_, err = s.DeleteResourcePolicy(t.Context(), &secretsmanager.DeleteResourcePolicyInput{SecretId: aws.String("db")})
	must(t, "", err)
	refused(t, s.read(foreign, arn), denied, "User: arn:aws:iam::444455556666:role/app")
}

func TestResourcePoliciesAreChecked(t *testing.T) {
	s := newSetup(t)
	s.create("db", "x")
	_, err := s.PutResourcePolicy(t.Context(), &secretsmanager.PutResourcePolicyInput{SecretId: aws.String("db"), ResourcePolicy: aws.String("{")})
	refused(t, err, "MalformedPolicyDocumentException", "This resource policy contains invalid Json.")
	for policy, passes := range map[string]bool{"{": false, `{"Statement":[]}`: true} {
		got, err := s.ValidateResourcePolicy(t.Context(), &secretsmanager.ValidateResourcePolicyInput{ResourcePolicy: &policy})
		if v := must(t, got, err); v.PolicyValidationPassed != passes || (len(v.ValidationErrors) == 0) != passes {
			t.Errorf("%s: passed %v with %d errors", policy, v.PolicyValidationPassed, len(v.ValidationErrors))
		}
	}
}

func TestKMSKeys(t *testing.T) {
	const key = "arn:aws:kms:eu-west-1:111122223333:key/1234"
	s := newSetup(t)
	_, err := s.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("db"), KmsKeyId: aws.String(key), SecretString: aws.String("x")})
	must(t, "", err)
	s.create("other", "x")
	s.DenyKey(key, "*:root")
	refused(t, s.read(s.Client, "db"), denied, "Access to KMS is not allowed")
	if err := s.read(s.Client, "other"); err != nil {
		t.Errorf("a secret with another key: %v", err)
	}
	if aws.ToString(s.described("db").KmsKeyId) != key {
		t.Error("DescribeSecret, which decrypts nothing, does not have the key")
	}
	s.DenyKey(key)
	s.DisableKey(key, true)
	refused(t, s.read(s.Client, "db"), "DecryptionFailure", "Secrets Manager can't decrypt the protected secret text using the provided KMS key.")
	s.DisableKey(key, false)
	if err := s.read(s.Client, "db"); err != nil {
		t.Error(err)
	}
}

func (s *setup) sts(accessKeyID string) *sts.Client {
	return sts.New(sts.Options{Region: localaws.DefaultRegion, BaseEndpoint: aws.String(s.URL()), HTTPClient: uncut{}, Retryer: aws.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider(accessKeyID, "not-checked", "")})
}

func TestAssumeRole(t *testing.T) {
	s := newSetup(t)
	who, err := s.sts("tester").GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if aws.ToString(must(t, who, err).Arn) != "arn:aws:iam::111122223333:root" || aws.ToString(who.Account) != localaws.DefaultAccount {
		t.Errorf("the caller is %s of account %s", aws.ToString(who.Arn), aws.ToString(who.Account))
	}
	assumed, err := s.sts("tester").AssumeRole(t.Context(), &sts.AssumeRoleInput{
		RoleArn: aws.String("arn:aws:iam::444455556666:role/path/reader"), RoleSessionName: aws.String("s-1"), DurationSeconds: aws.Int32(900)})
	session := must(t, assumed, err)
	if left := time.Until(aws.ToTime(session.Credentials.Expiration)); left < 14*time.Minute || left > 15*time.Minute+time.Second {
		t.Errorf("the session lasts %s", left)
	}
	who, err = s.sts(aws.ToString(session.Credentials.AccessKeyId)).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if aws.ToString(must(t, who, err).Arn) != "arn:aws:sts::444455556666:assumed-role/reader/s-1" {
		t.Errorf("the session is %s", aws.ToString(who.Arn))
	}
	s.SetRules(localaws.Rule{Deny: true, Action: "sts:AssumeRole", Resource: "*/reader"})
	_, err = s.sts("tester").AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::444455556666:role/reader"), RoleSessionName: aws.String("s-1")})
	refused(t, err, "AccessDenied", "User: arn:aws:iam::111122223333:root is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::444455556666:role/reader")
	_, err = s.sts("tester").AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::444455556666:role/other"), RoleSessionName: aws.String("no blanks")})
	refused(t, err, "ValidationError", "1 validation error detected: Value 'no blanks' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: ")
}

// webToken is a token like those of a cluster's API server, without a signature.
func webToken(t *testing.T, claims map[string]any) *string {
	t.Helper()
	payload, err := json.Marshal(claims)
	return aws.String("e30." + base64.RawURLEncoding.EncodeToString(must(t, payload, err)) + ".c2ln")
}

func TestAssumeRoleWithWebIdentity(t *testing.T) {
	s := newSetup(t)
	claims := map[string]any{"sub": "system:serviceaccount:ns:app", "aud": []string{"sts.amazonaws.com"}, "exp": time.Now().Add(time.Hour).Unix()}
	assume := func(token *string) (*sts.AssumeRoleWithWebIdentityOutput, error) {
		return s.sts("").AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{
			RoleArn: aws.String("arn:aws:iam::111122223333:role/app"), RoleSessionName: aws.String("s-1"), WebIdentityToken: token})
	}
	got, err := assume(webToken(t, claims))
	if aws.ToString(must(t, got, err).SubjectFromWebIdentityToken) != "system:serviceaccount:ns:app" {
		t.Errorf("the subject is %s", aws.ToString(got.SubjectFromWebIdentityToken))
	}
	s.SetRules(localaws.Rule{Deny: true, Principal: "system:serviceaccount:ns:app", Action: "sts:AssumeRoleWithWebIdentity"})
	_, err = assume(webToken(t, claims))
	refused(t, err, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity")
	s.SetRules()
	claims["aud"] = "other"
	_, err = assume(webToken(t, claims))
	refused(t, err, "InvalidIdentityToken", "Incorrect token audience")
	claims["aud"], claims["exp"] = "sts.amazonaws.com", time.Now().Add(-time.Hour).Unix()
	_, err = assume(webToken(t, claims))
	refused(t, err, "ExpiredTokenException", "Token expired")
	_, err = assume(aws.String("not.a"))
	refused(t, err, "InvalidIdentityToken", "The ID Token provided is not a valid JWT.")
}
