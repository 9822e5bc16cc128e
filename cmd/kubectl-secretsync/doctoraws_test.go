package main

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/secretsync/secretsync/hack/localaws"
)

// testsuiteContext is for what is removed when a test has ended.
func testsuiteContext() context.Context { return context.Background() }

// awsCommand does what the command line of AWS would do, for the commands that fixes have.
func (p *subject) awsCommand(arguments []string) {
	p.setup.Helper()
	ctx, flags := p.setup.Context(), map[string]string{}
	for n := 2; n+1 < len(arguments); n += 2 {
		flags[strings.TrimPrefix(arguments[n], "--")] = arguments[n+1]
	}
	id := aws.String(flags["secret-id"])
	var err error
	switch arguments[0] + " " + arguments[1] {
	case "secretsmanager create-secret":
		_, err = p.admin.CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: aws.String(flags["name"]), SecretString: aws.String(`{"password":"` + hidden + `"}`)})
	case "secretsmanager restore-secret":
		_, err = p.admin.RestoreSecret(ctx, &secretsmanager.RestoreSecretInput{SecretId: id})
	case "secretsmanager tag-resource":
		key, value, _ := strings.Cut(strings.TrimPrefix(flags["tags"], "Key="), ",Value=")
		_, err = p.admin.TagResource(ctx, &secretsmanager.TagResourceInput{SecretId: id, Tags: []types.Tag{{Key: &key, Value: &value}}})
	case "secretsmanager update-secret":
		_, err = p.remote.UpdateSecret(ctx, &secretsmanager.UpdateSecretInput{SecretId: id, KmsKeyId: aws.String(flags["kms-key-id"])})
	case "secretsmanager rotate-secret":
		_, err = p.admin.RotateSecret(ctx, &secretsmanager.RotateSecretInput{SecretId: id})
	case "kms enable-key":
		p.aws.DisableKey(flags["key-id"], false)
	case "iam put-user-policy":
		p.policies = append(p.policies, flags["policy-document"])
		p.applyPolicies()
	case "iam put-role-policy":
		role := p.roles[flags["role-name"]]
		p.role(role.Name, role.TrustPolicy, append(role.Policies, flags["policy-document"])...)
	default:
		p.setup.Errorf("the test can't run aws %q", arguments)
	}
	if err != nil {
		p.setup.Errorf("aws %q: %v", arguments, err)
	}
}

// put creates the secret of the row.
func (p *subject) put(content string, changes ...func(*secretsmanager.CreateSecretInput)) (arn string) {
	p.setup.Helper()
	return p.putIn(p.admin, p.secretID(), content, changes...)
}

func (p *subject) secretID() string { return "/doctor/" + p.namespace + "/db" }

func (p *subject) putIn(account *secretsmanager.Client, name, content string, changes ...func(*secretsmanager.CreateSecretInput)) (arn string) {
	p.setup.Helper()
	input := &secretsmanager.CreateSecretInput{Name: &name, SecretString: &content}
	for _, change := range changes {
		change(input)
	}
	made, err := account.CreateSecret(p.setup.Context(), input)
	if err != nil {
		p.setup.Fatal(err)
	}
	return aws.ToString(made.ARN)
}

// withKey encrypts a secret by a customer managed key of its account.
func withKey(key string) func(*secretsmanager.CreateSecretInput) {
	return func(input *secretsmanager.CreateSecretInput) { input.KmsKeyId = &key }
}

func withTag(key, value string) func(*secretsmanager.CreateSecretInput) {
	return func(input *secretsmanager.CreateSecretInput) { input.Tags = []types.Tag{{Key: &key, Value: &value}} }
}

// role creates a role that the operator, or a ServiceAccount, may assume.
func (p *subject) role(name, trust string, policies ...string) (arn string) {
	p.setup.Helper()
	p.roles[name] = localaws.Role{Name: name, TrustPolicy: trust, Policies: policies}
	arn, err := p.aws.AddRole(p.roles[name])
	if err != nil {
		p.setup.Fatal(err)
	}
	return arn
}

// trustUntagged lets the operator assume a role, and trustFully also tag the session.
const trustUntagged = `{"Statement": {"Effect": "Allow", "Principal": {"AWS": "` + accountHere + `"}, "Action": "sts:AssumeRole"}}`

const trustFully = `{"Statement": {"Effect": "Allow", "Principal": {"AWS": "` + accountHere + `"}, "Action": ["sts:AssumeRole", "sts:TagSession"]}}`

// trustAccount lets a ServiceAccount assume a role.
func (p *subject) trustAccount(name string) string {
	issuer := strings.TrimPrefix(p.issuer, "https://")
	return `{"Statement": {"Effect": "Allow", "Principal": {"Federated": "arn:aws:iam::` + accountHere + `:oidc-provider/` + issuer + `"},
		"Action": "sts:AssumeRoleWithWebIdentity", "Condition": {"StringEquals": {
		"` + issuer + `:sub": "system:serviceaccount:` + p.namespace + `:` + name + `", "` + issuer + `:aud": "sts.amazonaws.com"}}}}`
}

// deny adds a rule for the secret of the row.
func (p *subject) deny(because string) {
	p.rules[p.namespace] = []localaws.Rule{{Deny: true, Principal: "*:user/secretsync", Resource: "*" + p.secretID() + "*", Because: because}}
	p.applyRules()
}

// permit ends it.
func (p *subject) permit() {
	delete(p.rules, p.namespace)
	p.applyRules()
}

// readAll is a policy that allows to read all secrets.
const readAll = `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "secretsmanager:*", "Resource": "*"}]}`
