package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/cmd/kubectl-secretsync/leastprivilege"
	"github.com/secretsync/secretsync/controllers/arns"
)

const (
	// annotationRole on a ServiceAccount names its role (IRSA).
	annotationRole = "eks.amazonaws.com/role-arn"
	// managedKey is the alias of the AWS managed key, for which no permission is needed.
	managedKey = "alias/aws/secretsmanager"
	// noKey is the value of --kms-key for the AWS managed key.
	noKey = "none"
)

// policyFacts are what policies need and the specs do not have: asked for, or given by flags.
type policyFacts struct {
	given   policyOptions
	cli     *cli
	account *account
	user    string
	// known are the answers about KMS keys.
	known map[leastprivilege.Secret]keyAnswer

	incomplete []missingRight
	code       int
}

// keyAnswer has the KMS keys of secrets, or why they are not known.
type keyAnswer struct {
	arns []string
	err  error
}

// newFacts asks AWS for the user's account, unless flags say it.
func (c *cli) newFacts(ctx context.Context, options policyOptions) (*policyFacts, error) {
	asked, err := newAccount(ctx)
	if err != nil {
		return nil, err
	}
	f := &policyFacts{given: options, cli: c, account: asked, known: map[leastprivilege.Secret]keyAnswer{}}
	f.given.region = cmp.Or(options.region, asked.configuration.Region)
	if options.account == "" || options.kmsKey == "" {
		f.user = asked.user(ctx)
		f.given.account = cmp.Or(options.account, arns.Account(f.user))
	}
	return f, nil
}

func (f *policyFacts) options() leastprivilege.Options {
	return leastprivilege.Options{
		Region: f.given.region, Account: f.given.account, NamespacesTag: f.given.namespacesTag, RoleOf: f.roleOf,
		KeysOf: func(ctx context.Context, secret leastprivilege.Secret) ([]string, error) {
			if f.given.kmsKey == noKey {
				return nil, nil
			}
			if f.given.kmsKey != "" {
				return []string{f.given.kmsKey}, nil
			}
			answer, asked := f.known[secret]
			if !asked {
				answer.arns, answer.err = f.keysOf(ctx, secret)
				f.known[secret] = answer
			}
			return answer.arns, answer.err
		},
	}
}

var errNotAsked = errors.New("AWS was not asked, as you have no credentials there: set --kms-key")

// keysOf asks AWS for the keys of a secret, or of those that find finds.
func (f *policyFacts) keysOf(ctx context.Context, secret leastprivilege.Secret) ([]string, error) {
	if f.user == "" {
		return nil, errNotAsked
	}
	manager := f.account.secrets(secret.Region)
	if !secret.Found {
		described, err := manager.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &secret.ID})
		if err != nil {
			f.incomplete = append(f.incomplete, missingRight{"aws", "secretsmanager:DescribeSecret", secret.ID})
			return nil, refusedByAWS(err, secret.ID)
		}
		return keyARNs(described.KmsKeyId, aws.ToString(described.ARN))
	}
	input := &secretsmanager.ListSecretsInput{}
	if secret.ID != "" {
		input.Filters = []types.Filter{{Key: types.FilterNameStringTypeName, Values: []string{secret.ID}}}
	}
	var all []string
	for pages := secretsmanager.NewListSecretsPaginator(manager, input); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			f.incomplete = append(f.incomplete, missingRight{"aws", "secretsmanager:ListSecrets", "*"})
			return nil, refusedByAWS(err, secret.ID)
		}
		for i := range page.SecretList {
			found, err := keyARNs(page.SecretList[i].KmsKeyId, aws.ToString(page.SecretList[i].ARN))
			if err != nil {
				return nil, err
			}
			all = append(all, found...)
		}
	}
	return all, nil
}

// keyARNs is the key of a secret, which AWS gives as an ARN, an id or an alias. A policy needs its ARN.
func keyARNs(key *string, secretARN string) ([]string, error) {
	id := aws.ToString(key)
	switch {
	case id == "" || strings.HasSuffix(id, managedKey):
		return nil, nil
	case strings.Contains(id, "alias/"):
		return nil, trouble("it has the alias %s, and a policy needs the ARN of the key: see aws kms describe-key --key-id %s, and set --kms-key", id, id)
	case arns.Is(id):
		return []string{id}, nil
	}
	return []string{"arn:" + arns.Partition(secretARN) + ":kms:" + arns.Region(secretARN) + ":" + arns.Account(secretARN) + ":key/" + id}, nil
}

// roleOf is the role of a ServiceAccount; empty if it is not known.
func (f *policyFacts) roleOf(ctx context.Context, namespace, name string) string {
	if f.given.file != "" {
		return ""
	}
	k, err := f.cli.cluster()
	if err != nil {
		return ""
	}
	found := &corev1.ServiceAccount{}
	if err := k.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, found); err != nil {
		f.incomplete = append(f.incomplete, missingRight{"kubernetes", "get", "serviceaccounts"})
		return ""
	}
	return found.Annotations[annotationRole]
}

// trust is the trust policy of an identity's role, and what has a placeholder in it.
func (f *policyFacts) trust(ctx context.Context, grant *leastprivilege.Grant) (document leastprivilege.Document, unknown []string) {
	namespace, name, _ := strings.Cut(f.given.operator, "/")
	placeholder := func(what, text string) string {
		unknown = append(unknown, what)
		return text
	}
	accountID := f.given.account
	role := func(namespace, name string) string {
		if found := f.roleOf(ctx, namespace, name); found != "" {
			return found
		}
		return placeholder("the role of ServiceAccount "+namespace+"/"+name, "arn:"+leastprivilege.Partition(f.given.region)+":iam::"+accountID+":role/UNKNOWN-ROLE")
	}
	if accountID == "" {
		accountID = placeholder("the account: set --account", "UNKNOWN-ACCOUNT")
	}
	trusted := leastprivilege.Trusted{
		Account: accountID, Partition: leastprivilege.Partition(f.given.region), Namespace: namespace, ServiceAccount: name, RoleOf: role,
	}
	if grant.Principal.RoleARN == "" {
		if trusted.Issuer = f.issuer(ctx); trusted.Issuer == "" {
			trusted.Issuer = placeholder("the issuer of the cluster's tokens: see kubectl get --raw /.well-known/openid-configuration", "UNKNOWN-ISSUER")
		}
	} else if grant.UsedByOperator() {
		trusted.OperatorRole = role(namespace, name)
	}
	return grant.Trust(trusted), unknown
}

// issuer is the issuer of the cluster's tokens without its scheme; empty if it is not known.
func (f *policyFacts) issuer(ctx context.Context) string {
	if f.given.file != "" {
		return ""
	}
	config, err := f.cli.flags.ToRESTConfig()
	if err != nil {
		return ""
	}
	config.NegotiatedSerializer = scheme.Codecs.WithoutConversion()
	plain, err := rest.UnversionedRESTClientFor(config)
	if err != nil {
		return ""
	}
	var discovered struct{ Issuer string }
	content, err := plain.Get().AbsPath("/.well-known/openid-configuration").DoRaw(ctx)
	if err != nil || json.Unmarshal(content, &discovered) != nil {
		f.incomplete = append(f.incomplete, missingRight{"kubernetes", "get", "/.well-known/openid-configuration"})
		return ""
	}
	return strings.TrimPrefix(discovered.Issuer, "https://")
}
