package doctor

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/arns"
)

// statement is a policy document that allows one action.
func statement(action, resource string) string {
	document := map[string]any{"Version": "2012-10-17", "Statement": []map[string]string{{"Effect": "Allow", "Action": action, "Resource": resource}}}
	content, err := json.Marshal(document)
	if err != nil {
		return ""
	}
	return string(content)
}

// put is the command that gives a principal a policy.
// Policies for different purposes have different names: a policy replaces the one of its name.
func (s *subject) put(principal, purpose, document string) Fix {
	name := "secretsync-" + s.Namespace + "-" + s.Name + purpose
	rest := fmt.Sprintf("--policy-name %s --policy-document '%s'", name, document)
	_, tail, _ := strings.Cut(principal, ":assumed-role/")
	if role, _, is := strings.Cut(tail, "/"); is {
		return Fix{Command, "aws iam put-role-policy --role-name " + role + " " + rest}
	}
	if _, role, is := strings.Cut(principal, ":role/"); is {
		return Fix{Command, "aws iam put-role-policy --role-name " + role[strings.LastIndex(role, "/")+1:] + " " + rest}
	}
	if _, user, is := strings.Cut(principal, ":user/"); is {
		return Fix{Command, "aws iam put-user-policy --user-name " + user[strings.LastIndex(user, "/")+1:] + " " + rest}
	}
	return Fix{Edit, "give " + cmp.Or(principal, "the identity") + " the policy " + document}
}

// denial is who may not do what.
func (s *subject) denial() string {
	refused := s.refusal()
	if refused.Principal == "" || refused.Action == "" {
		return s.message
	}
	return fmt.Sprintf("%s may not %s on %s", refused.Principal, refused.Action, cmp.Or(refused.Resource, "the secret"))
}

func endpointPolicy(_ context.Context, s *subject) Finding {
	if s.refusal().Policy != "VPC endpoint policy" {
		return ok("")
	}
	return broken(s.denial()+": the policy of the VPC endpoint of Secrets Manager does not allow it",
		Fix{Edit, "let the policy of the VPC endpoint allow " + s.refusal().Action + " to " + s.refusal().Principal})
}

func resourcePolicy(_ context.Context, s *subject) Finding {
	refused, secret := s.refusal(), s.concerned()
	if refused.Policy != "resource-based policy" {
		return ok("")
	}
	if refused.Explicit {
		return broken(s.denial()+": the resource policy of the secret denies it", editPolicy("take the Deny for "+cmp.Or(identityOf(refused.Principal), "the identity")+" out of", &secret))
	}
	return broken(s.denial()+": the resource policy of the secret does not allow it", s.share(&secret))
}

// editPolicy is a change of a resource policy. It is no command: AWS replaces the whole policy, with the statements of others.
func editPolicy(change string, secret *v1alpha1.SecretSource) Fix {
	return Fix{Edit, fmt.Sprintf("%s the resource policy of %s, which is shown by: %s", change, cmp.Or(secret.SecretID, "the secret"), inAWS("get-resource-policy", "--secret-id", secret))}
}

// share lets the principal read a secret by the resource policy.
func (s *subject) share(secret *v1alpha1.SecretSource) Fix {
	content, err := json.Marshal(map[string]any{
		"Effect": "Allow", "Principal": map[string]string{"AWS": cmp.Or(identityOf(s.refusal().Principal), "PRINCIPAL_ARN")},
		"Action": []string{"secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"}, "Resource": "*",
	})
	if err != nil {
		return Fix{Edit, err.Error()}
	}
	return editPolicy("add the statement "+string(content)+" to", secret)
}

// identityOf is the ARN that policies name: of a session, its role.
func identityOf(principal string) string {
	before, tail, is := strings.Cut(principal, ":assumed-role/")
	if !is {
		return principal
	}
	role, _, _ := strings.Cut(tail, "/")
	return strings.Replace(before, ":sts:", ":iam:", 1) + ":role/" + role
}

func iamDeny(_ context.Context, s *subject) Finding {
	refused := s.refusal()
	owner := "the policies of " + cmp.Or(identityOf(refused.Principal), "the identity")
	switch {
	case refused.Policy == "service control policy", refused.Policy == "resource control policy":
		owner = "the organization's " + refused.Policy
	case refused.Policy == "permissions boundary", refused.Policy == "session policy":
		owner = "the " + refused.Policy + " of " + identityOf(refused.Principal)
	case !refused.Explicit:
		return ok("")
	}
	if refused.Explicit {
		return broken(s.denial()+": an explicit Deny in a "+refused.Policy+" refuses it", Fix{Edit, "take the Deny out of " + owner + ", or except this secret"})
	}
	return broken(s.denial()+": no "+refused.Policy+" allows it", Fix{Edit, "let " + owner + " allow it"})
}

func iamAllow(ctx context.Context, s *subject) Finding {
	refused := s.refusal()
	if refused.Principal == "" {
		return broken(s.denial(), Fix{Command, "kubectl secretsync policy -n " + s.Namespace + " # put it by aws iam put-role-policy"})
	}
	mine, unknown := s.inScope(ctx)
	document := s.Policy(ctx, s.SecretSync, arns.Account(refused.Principal), unknown != nil || usesTag(&mine[0]))
	if document == "" {
		document = statement(refused.Action, refused.Resource)
	}
	found := broken(s.denial()+": no policy allows it", s.put(refused.Principal, "", document))
	if owner := arns.Account(refused.Resource); owner != "" && owner != arns.Account(refused.Principal) {
		secret := s.concerned()
		share := s.share(&secret)
		share.Text = "and, as the secret is another account's, " + share.Text
		found.Fix = append(found.Fix, share)
	}
	return found
}

// managedKey is AWS's text for a secret of another account that is encrypted with the key aws/secretsmanager.
const managedKey = "default KMS service key"

func kmsManaged(ctx context.Context, s *subject) Finding {
	secret := s.concerned()
	found := broken("the secret of account "+cmp.Or(arns.Account(secret.SecretID), "another one")+" is encrypted with the key aws/secretsmanager, which other accounts can't use",
		s.aws("update-secret", &secret, "--kms-key-id KMS_KEY_ARN"))
	if strings.Contains(s.message, managedKey) {
		return found
	}
	reader := arns.Account(s.refusal().Principal)
	if s.reason == v1alpha1.ReasonSourceFailed || reader == "" || !arns.Is(secret.SecretID) || reader == arns.Account(secret.SecretID) {
		return ok("")
	}
	described, err := s.describe(ctx, secret.SecretID, &secret)
	if err != nil {
		return s.undescribed(err, secret.SecretID)
	}
	if described.Key != "" && !strings.HasSuffix(described.Key, "alias/aws/secretsmanager") {
		return ok("")
	}
	return found
}

func kmsAllow(ctx context.Context, s *subject) Finding {
	refused, secret := s.refusal(), s.concerned()
	key := refused.Resource
	var err error
	if key == "" {
		var described *Described
		if described, err = s.describe(ctx, secret.SecretID, &secret); err == nil {
			key = described.Key
		}
	}
	fix := Fix{Edit, "allow kms:Decrypt on " + cmp.Or(key, "the KMS key of the secret") + " in a policy of the identity, and in the key's policy where that does not leave it to IAM"}
	if arns.Is(key) && refused.Principal != "" {
		fix = s.put(refused.Principal, "-decrypt", statement("kms:Decrypt", key))
	}
	return s.explained(broken(s.message, fix), err, secret.SecretID)
}

func kmsState(ctx context.Context, s *subject) Finding {
	secret := s.concerned()
	described, err := s.describe(ctx, secret.SecretID, &secret)
	key := "KMS_KEY_ID"
	if err == nil {
		key = cmp.Or(described.Key, key)
	}
	found := broken(s.message, Fix{Command, "aws kms enable-key --key-id " + key}, Fix{Command, "aws kms cancel-key-deletion --key-id " + key})
	return s.explained(found, err, secret.SecretID)
}
