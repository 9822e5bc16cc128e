package leastprivilege

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/arns"
	"github.com/secretsync/secretsync/controllers/references"
	"github.com/secretsync/secretsync/controllers/secretsync/resolve"
	"github.com/secretsync/secretsync/controllers/source"
)

// Actions of AWS that the operator needs.
const (
	readValue  = "secretsmanager:GetSecretValue"
	describe   = "secretsmanager:DescribeSecret"
	listAll    = "secretsmanager:ListSecrets"
	readBatch  = "secretsmanager:BatchGetSecretValue"
	decrypt    = "kms:Decrypt"
	assumeRole = "sts:AssumeRole"
	tagSession = "sts:TagSession"
)

// Condition keys and operators.
const (
	equals    = "StringEquals"
	ifExists  = "StringEqualsIfExists"
	like      = "StringLike"
	keyStage  = "secretsmanager:VersionStage"
	keyID     = "secretsmanager:VersionId"
	keyTag    = "secretsmanager:ResourceTag/"
	keyRegion = "aws:RequestedRegion"
	viaKMS    = "kms:ViaService"
	encrypted = "kms:EncryptionContext:SecretARN"
)

// UnknownKey stands for the id of a KMS key that is not known.
const UnknownKey = "UNKNOWN-KEY"

// Principal is an identity that needs a policy. The zero Principal is the operator's own.
type Principal struct {
	// Namespace and ServiceAccount are those of a ServiceAccount whose role reads.
	Namespace      string `json:"namespace,omitempty"`
	ServiceAccount string `json:"serviceAccount,omitempty"`
	// RoleARN is the role, if the spec names it.
	RoleARN string `json:"roleARN,omitempty"`
}

func (p Principal) String() string {
	switch {
	case p.RoleARN != "":
		return p.RoleARN
	case p.ServiceAccount != "":
		return "ServiceAccount " + p.Namespace + "/" + p.ServiceAccount
	}
	return "operator"
}

// Secret is a secret whose KMS key is asked for: by an id, or by the beginning of names that find looks for.
type Secret struct {
	ID, Region string
	// Found says that ID is the beginning of names.
	Found bool
}

// Options are facts that the specs do not have.
type Options struct {
	// Region and Account are those of the operator. A role reads in its own account.
	Region, Account string
	// RoleOf gives the role of a ServiceAccount; empty if it is not known.
	RoleOf func(ctx context.Context, namespace, name string) string
	// KeysOf gives the ARNs of customer managed KMS keys; none for the AWS managed key.
	KeysOf func(ctx context.Context, secret Secret) ([]string, error)
	// NamespacesTag says that the operator checks the tag secretsync.dev/namespaces, for which it must describe secrets.
	NamespacesTag bool
}

// Grant is what one principal needs.
type Grant struct {
	Principal Principal
	required  []Statement
	cheaper   []Statement
	// Users are those who assume the principal's role.
	users map[Principal]*use
	// Unknown are facts for which the policy has a placeholder.
	Unknown []string
}

// use is how a role is assumed.
type use struct{ namespaces, externalIDs []string }

// Required is the policy without which a SecretSync is not Ready.
func (g *Grant) Required() Document { return document(merged(g.required)) }

// Cheaper is the policy with which the operator uses the cheapest calls, too. A call for many secrets names no staging
// label, so that conditions on the label apply only if the call names one.
func (g *Grant) Cheaper() Document {
	all := slices.Clone(g.required)
	for n, statement := range all {
		if stages := statement.Condition[equals][keyStage]; slices.Contains(stages, v1alpha1.DefaultVersionStage) {
			all[n].Condition = maps.Clone(statement.Condition)
			rest := maps.Clone(statement.Condition[equals])
			delete(rest, keyStage)
			if all[n].Condition[equals] = rest; len(rest) == 0 {
				delete(all[n].Condition, equals)
			}
			all[n].Condition[ifExists] = map[string][]string{keyStage: stages}
		}
	}
	return document(merged(append(all, g.cheaper...)))
}

// ErrNoAccount means that a secret is given by its name, and the account or region is not known.
var ErrNoAccount = errors.New("a secret is given by its name, and its account or region is not known")

// Grants are what the principals of SecretSyncs need, the operator's own first.
func Grants(ctx context.Context, secretSyncs []v1alpha1.SecretSync, options Options) ([]*Grant, error) {
	all := &grants{options: options, by: map[Principal]*Grant{}}
	for n := range secretSyncs {
		if err := all.add(ctx, &secretSyncs[n]); err != nil {
			return nil, fmt.Errorf("SecretSync %s/%s: %w", secretSyncs[n].Namespace, secretSyncs[n].Name, err)
		}
	}
	return slices.SortedFunc(maps.Values(all.by), func(a, b *Grant) int { return cmp.Compare(rank(a.Principal), rank(b.Principal)) }), nil
}

func rank(p Principal) string {
	switch {
	case p.RoleARN != "":
		return "2 " + p.RoleARN
	case p.ServiceAccount != "":
		return "1 " + p.Namespace + "/" + p.ServiceAccount
	}
	return "0"
}

type grants struct {
	options Options
	by      map[Principal]*Grant
}

func (g *grants) of(principal Principal) *Grant {
	if g.by[principal] == nil {
		g.by[principal] = &Grant{Principal: principal, users: map[Principal]*use{}}
	}
	return g.by[principal]
}

// add adds what a SecretSync needs.
func (g *grants) add(ctx context.Context, secretSync *v1alpha1.SecretSync) error {
	auth := &secretSync.Spec.Auth
	reader := Principal{}
	if auth.ServiceAccountRef != nil {
		reader = Principal{Namespace: secretSync.Namespace, ServiceAccount: auth.ServiceAccountRef.Name}
	}
	g.of(reader)
	roles := slices.Clone(auth.ViaRoleARNs)
	if auth.RoleARN != "" {
		roles = append(roles, auth.RoleARN)
	}
	for n, role := range roles {
		from := g.of(reader)
		from.required = append(from.required, allow("AssumeRoles", nil, role, assumeRole, tagSession))
		user := g.of(Principal{RoleARN: role}).usedBy(reader)
		user.namespaces = append(user.namespaces, secretSync.Namespace)
		if n == len(roles)-1 && auth.ExternalID != "" {
			user.externalIDs = append(user.externalIDs, auth.ExternalID)
		}
		reader = Principal{RoleARN: role}
	}
	return g.read(ctx, secretSync, g.of(reader))
}

func (g *Grant) usedBy(principal Principal) *use {
	if g.users[principal] == nil {
		g.users[principal] = &use{}
	}
	return g.users[principal]
}

// place is where a principal looks for secrets that are given by name.
type place struct{ partition, region, account string }

func (g *grants) placeOf(ctx context.Context, principal Principal) place {
	found := place{Partition(g.options.Region), g.options.Region, g.options.Account}
	role := principal.RoleARN
	if principal.ServiceAccount != "" && g.options.RoleOf != nil {
		role = g.options.RoleOf(ctx, principal.Namespace, principal.ServiceAccount)
	}
	if role != "" {
		found.partition, found.account = arns.Partition(role), arns.Account(role)
	}
	return found
}

// Partition is the partition of a region.
func Partition(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}

// read adds what reading needs: the secrets that a spec names, and those that it finds.
func (g *grants) read(ctx context.Context, secretSync *v1alpha1.SecretSync, to *Grant) error {
	at := g.placeOf(ctx, to.Principal)
	for _, input := range resolve.NewSet(resolve.Request{SecretSync: secretSync}).Inputs {
		ref := input.Ref
		home := cmp.Or(ref.Region, arns.Region(ref.SecretID), at.region)
		for n, region := range append([]string{home}, strings.Fields(ref.FailoverRegions)...) {
			pattern, err := at.pattern(ref.SecretID, home, region)
			if err != nil {
				return err
			}
			condition := versions(ref, secretSync.Spec.KeepPrevious != nil)
			to.addRead(pattern, condition, g.describes(to.Principal) || n > 0) // A replica proves by its description whose it is.
			g.addKeys(ctx, to, Secret{ID: arns.InRegion(ref.SecretID, region), Region: region}, pattern)
		}
	}
	for entry := range references.Entries(&secretSync.Spec) {
		if entry.Find == nil {
			continue
		}
		if err := g.find(ctx, secretSync, to, at, entry.Find); err != nil {
			return err
		}
	}
	return nil
}

// describes says whether a principal must describe secrets, so that the operator sees their tags.
func (g *grants) describes(principal Principal) bool {
	return g.options.NamespacesTag && principal.ServiceAccount == ""
}

// find adds what an entry with find needs.
func (g *grants) find(ctx context.Context, secretSync *v1alpha1.SecretSync, to *Grant, at place, find *v1alpha1.Find) error {
	region := cmp.Or(references.FindRegion(&secretSync.Spec, find), at.region)
	pattern, err := at.pattern(find.NamePrefix+"*", region, region)
	if err != nil {
		return err
	}
	condition := versions(source.Ref{VersionStage: v1alpha1.DefaultVersionStage}, secretSync.Spec.KeepPrevious != nil)
	for tag, value := range find.Tags {
		condition[equals][keyTag+tag] = []string{value}
	}
	to.required = append(to.required, allow("Find", Condition{equals: {keyRegion: {region}}}, "*", listAll))
	to.addRead(pattern, condition, g.describes(to.Principal))
	g.addKeys(ctx, to, Secret{ID: find.NamePrefix, Region: region, Found: true}, pattern)
	return nil
}

// versions is the condition that allows the versions of a reference alone.
func versions(ref source.Ref, previous bool) Condition {
	if ref.VersionID != "" {
		return Condition{equals: {keyID: {ref.VersionID}}}
	}
	stages := []string{ref.VersionStage}
	if previous && ref.VersionStage == v1alpha1.DefaultVersionStage {
		stages = append(stages, resolve.StagePrevious)
	}
	return Condition{equals: {keyStage: stages}}
}

// pattern is how a policy names a secret in a region: six question marks stand for the random suffix.
func (p place) pattern(id, home, region string) (string, error) {
	if arns.Is(id) {
		return arns.Pattern(arns.InRegion(id, region)), nil
	}
	if p.account == "" || home == "" {
		return "", ErrNoAccount
	}
	return arns.PatternOfName(p.partition, region, p.account, id), nil
}

// addRead adds the permission to read a secret's versions, and to describe it.
func (g *Grant) addRead(pattern string, condition Condition, describes bool) {
	g.required = append(g.required, allow("Read", condition, pattern, readValue))
	tags := Condition{}
	for key, values := range condition[equals] {
		if strings.HasPrefix(key, keyTag) {
			tags[equals] = map[string][]string{key: values}
		}
	}
	described := allow("Describe", tags, pattern, describe)
	if describes {
		g.required = append(g.required, described)
	} else {
		g.cheaper = append(g.cheaper, described)
	}
	region := arns.Region(pattern)
	g.cheaper = append(g.cheaper, allow("Batches", Condition{equals: {keyRegion: {region}}}, "*", readBatch, listAll))
}

// addKeys adds the permission to decrypt by the KMS keys of a secret.
func (g *grants) addKeys(ctx context.Context, to *Grant, secret Secret, pattern string) {
	keys, err := g.options.KeysOf(ctx, secret)
	partition := arns.Partition(pattern)
	if err != nil {
		to.Unknown = append(to.Unknown, fmt.Sprintf("the KMS key of %s: %v", pattern, err))
		keys = []string{"arn:" + partition + ":kms:" + secret.Region + ":" + arns.Account(pattern) + ":key/" + UnknownKey}
	}
	suffix := ".amazonaws.com"
	if partition == "aws-cn" {
		suffix += ".cn"
	}
	for _, key := range keys {
		to.required = append(to.required, allow("Decrypt", Condition{
			equals: {viaKMS: {"secretsmanager." + secret.Region + suffix}}, like: {encrypted: {pattern}},
		}, key, decrypt))
	}
}
