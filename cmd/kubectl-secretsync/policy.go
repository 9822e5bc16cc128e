package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/cmd/kubectl-secretsync/leastprivilege"
)

// policyOptions are the flags of policy.
type policyOptions struct {
	file, format, check, identity, account, region, kmsKey, operator string

	all, trust, cheaper, namespacesTag bool
}

func newPolicy(c *cli) *cobra.Command {
	var options policyOptions
	command := &cobra.Command{
		Use:   "policy",
		Short: "Print the least IAM policy for SecretSyncs, by identity, or check one",
		Long: "Print the least IAM policy with which SecretSyncs work: one document for each identity that reads for them. Without\n" +
			"any part of it a SecretSync is not Ready. --with-cheaper adds what makes the operator use cheaper calls.\n\n" +
			"With your own credentials it asks AWS for your account (sts:GetCallerIdentity) and for the KMS keys of the secrets\n" +
			"(secretsmanager:DescribeSecret, and ListSecrets for find); --account, --region and --kms-key override that. If a\n" +
			"fact is not to be found out, the policy has a placeholder, and the exit code is 3.\n\n" +
			"--check compares a policy in a file, and exits with 1 if something is missing or too much.",
		Example: "  kubectl secretsync policy -n payments --with-cheaper\n  kubectl secretsync policy -f secretsync.yaml --check policy.json",
		Args:    cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			return c.policy(command.Context(), options)
		},
	}
	flags := command.Flags()
	flags.BoolVarP(&options.all, "all-namespaces", "A", false, "for the SecretSyncs of all namespaces")
	flags.StringVarP(&options.file, "filename", "f", "", "for the SecretSyncs in a file; - is standard input")
	flags.StringVar(&options.format, "format", "json", "json or terraform")
	flags.BoolVar(&options.trust, "trust", false, "print trust policies, which say who may assume the roles")
	flags.BoolVar(&options.cheaper, "with-cheaper", false, "add permissions that make the operator use cheaper calls")
	flags.StringVar(&options.check, "check", "", "file with a policy to compare")
	flags.StringVar(&options.identity, "identity", "", "only for this identity: operator, NAMESPACE/SERVICEACCOUNT or the ARN of a role")
	flags.StringVar(&options.account, "account", "", "account of the operator; default: yours")
	flags.StringVar(&options.region, "region", "", "region of the operator; default: yours")
	flags.StringVar(&options.kmsKey, "kms-key", "", "ARN of the KMS key of all secrets, or none for the AWS managed key; default: AWS is asked")
	flags.StringVar(&options.operator, "operator", "secretsync-system/secretsync", "namespace and name of the operator's ServiceAccount")
	flags.BoolVar(&options.namespacesTag, "namespaces-tag", false, "the operator runs with --namespaces-tag=Honor or Require")
	return command
}

// verify refuses flags that do not fit together.
func (o *policyOptions) verify() error {
	switch {
	case o.format != "json" && o.format != "terraform":
		return usage("--format %q is not known: use json or terraform", o.format)
	case o.all && o.file != "":
		return usage("-A and -f exclude each other")
	case o.check != "" && (o.trust || o.cheaper):
		return usage("--check excludes --trust and --with-cheaper")
	}
	return nil
}

func (c *cli) policy(ctx context.Context, options policyOptions) error {
	if err := options.verify(); err != nil {
		return err
	}
	secretSyncs, err := c.policySubjects(ctx, options)
	if err != nil {
		return err
	}
	facts, err := c.newFacts(ctx, options)
	if err != nil {
		return err
	}
	grants, err := leastprivilege.Grants(ctx, secretSyncs, facts.options())
	if errors.Is(err, leastprivilege.ErrNoAccount) {
		return undetermined("%v: set --account and --region, or credentials of AWS", err)
	}
	if err != nil {
		return err
	}
	if grants = chosen(grants, options.identity); len(grants) == 0 {
		return trouble("no SecretSync is read by the identity %q", options.identity)
	}
	if options.check != "" {
		return c.checkPolicy(grants, options.check, facts)
	}
	return c.printPolicies(ctx, grants, options, facts)
}

// policySubjects are the SecretSyncs that policies are for.
func (c *cli) policySubjects(ctx context.Context, options policyOptions) ([]v1alpha1.SecretSync, error) {
	if options.file != "" {
		return c.readSecretSyncs(options.file)
	}
	k, err := c.cluster()
	if err != nil {
		return nil, err
	}
	namespace := k.namespace
	if options.all {
		namespace = ""
	}
	var all v1alpha1.SecretSyncList
	if err := k.List(ctx, &all, client.InNamespace(namespace)); err != nil {
		return nil, refused(err)
	}
	if len(all.Items) == 0 {
		return nil, trouble("there are no SecretSyncs: name the namespace by -n, or use -A or -f")
	}
	return all.Items, nil
}

// chosen are the grants of an identity, or all.
func chosen(grants []*leastprivilege.Grant, identity string) (found []*leastprivilege.Grant) {
	for _, grant := range grants {
		if name := grant.Principal.String(); identity == "" || name == identity || name == "ServiceAccount "+identity {
			found = append(found, grant)
		}
	}
	return found
}

// policyItem is the policy of an identity.
type policyItem struct {
	Identity  string                   `json:"identity"`
	Principal leastprivilege.Principal `json:"principal"`
	Policy    leastprivilege.Document  `json:"policy"`
	Trust     *leastprivilege.Document `json:"trust,omitempty"`
	// Unknown are facts in place of which the documents have placeholders.
	Unknown []string `json:"unknown"`
}

func (c *cli) printPolicies(ctx context.Context, grants []*leastprivilege.Grant, options policyOptions, facts *policyFacts) error {
	items, names := make([]policyItem, 0, len(grants)), []string(nil)
	for _, grant := range grants {
		item := policyItem{Identity: grant.Principal.String(), Principal: grant.Principal, Policy: grant.Required(), Unknown: append([]string{}, grant.Unknown...)}
		if options.cheaper {
			item.Policy = grant.Cheaper()
		}
		if options.trust {
			trust, unknown := facts.trust(ctx, grant)
			item.Trust, item.Unknown = &trust, append(item.Unknown, unknown...)
		}
		if len(item.Unknown) > 0 {
			facts.code = worst(facts.code, exitUndetermined)
		}
		items, names = append(items, item), append(names, item.Identity)
	}
	if c.structured() || c.output == formatName {
		r := report{Kind: "Policy", Incomplete: facts.incomplete, Items: items}
		r.As.AWS = facts.user
		if c.output == formatName {
			for _, name := range names {
				fmt.Fprintln(c.streams.Out, name)
			}
		} else if err := c.print(r, table{}, nil); err != nil {
			return err
		}
		return ended(facts.code)
	}
	for n := range items {
		if len(items) > 1 {
			c.say("Policy of %s:", items[n].Identity)
		}
		if err := c.printPolicy(&items[n], options.format, n); err != nil {
			return err
		}
	}
	return ended(facts.code)
}

// printPolicy prints the document of an identity alone, so that it can be given to aws iam put-role-policy. What is said
// of it is no data.
func (c *cli) printPolicy(item *policyItem, format string, number int) error {
	document := item.Policy
	if item.Trust != nil {
		document = *item.Trust
	}
	for _, unknown := range item.Unknown {
		c.say("Not looked at: %s", unknown)
	}
	if format == "terraform" {
		_, err := fmt.Fprint(c.streams.Out, document.Terraform(fmt.Sprintf("secretsync_%d", number)))
		return err
	}
	content, err := json.MarshalIndent(document, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(c.streams.Out, string(content))
	return err
}

// checkPolicy compares the policy of a file with what an identity needs.
func (c *cli) checkPolicy(grants []*leastprivilege.Grant, file string, facts *policyFacts) error {
	if len(grants) > 1 {
		return usage("several identities read for these SecretSyncs: say by --identity which one has the policy, for example --identity %q", grants[0].Principal)
	}
	content, err := c.readFile(file)
	if err != nil {
		return err
	}
	findings, err := grants[0].Check(string(content))
	if err != nil {
		return usage("%s: %v", file, err)
	}
	for _, unknown := range grants[0].Unknown {
		c.say("Not looked at: %s", unknown)
		facts.code = worst(facts.code, exitUndetermined)
	}
	shown := table{header: []string{"PROBLEM", "ACTION", "RESOURCE", "DETAIL"}}
	for _, finding := range findings {
		problem := "too much"
		if finding.Missing {
			problem = "missing"
		}
		shown.rows = append(shown.rows, []string{problem, finding.Action, finding.Resource, finding.Detail})
		facts.code = worst(facts.code, exitTrouble)
	}
	r := report{Kind: "PolicyCheck", Incomplete: facts.incomplete, Items: append([]leastprivilege.Finding{}, findings...)}
	r.As.AWS = facts.user
	if len(findings) > 0 {
		c.say("The policy is not what %s needs.", grants[0].Principal)
	} else if !c.structured() {
		c.say("The policy is what %s needs.", grants[0].Principal)
		return ended(facts.code)
	}
	if err := c.print(r, shown, nil); err != nil {
		return err
	}
	return ended(facts.code)
}
