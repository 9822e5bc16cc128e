package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

func newVersions(c *cli) *cobra.Command {
	return &cobra.Command{
		Use:   "versions NAME",
		Short: "Show the versions that AWS has of the secrets, and which of them is in the Secret",
		Long: "Show the versions that AWS has of the secrets of a SecretSync, with their staging labels, and which of them is in the\n" +
			"Secret. It asks AWS with your own credentials (secretsmanager:ListSecretVersionIds), and reads no value. Without\n" +
			"that permission it shows what the operator has reported, and exits with 3.",
		Example: "  kubectl secretsync versions db -n payments",
		Args:    cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, names []string) error {
			return c.versions(command.Context(), names[0])
		},
	}
}

// versionItem is a version of a secret.
type versionItem struct {
	SecretID  string       `json:"secretID"`
	VersionID string       `json:"versionID"`
	Stages    []string     `json:"stages"`
	Created   *metav1.Time `json:"created,omitempty"`
	// InSecret says that the Secret was written from it.
	InSecret bool `json:"inSecret"`
}

func (c *cli) versions(ctx context.Context, name string) error {
	k, found, err := c.find(ctx, name)
	if err != nil {
		return err
	}
	asked, err := newAccount(ctx)
	if err != nil {
		return err
	}
	r, items, code := report{Kind: "Versions"}, []versionItem{}, exitWell
	for _, secret := range secretsOf(found) {
		listed, err := asked.versions(ctx, secret.id, secret.region)
		if err != nil {
			c.say("Not looked at: %v", err)
			r.Incomplete = append(r.Incomplete, missingRight{"aws", "secretsmanager:ListSecretVersionIds", secret.id})
			items = append(items, secret.reported...)
			code = worst(code, exitCode(err))
			continue
		}
		for i := range listed {
			item := versionItem{SecretID: secret.name, VersionID: aws.ToString(listed[i].VersionId), Stages: listed[i].VersionStages}
			if listed[i].CreatedDate != nil {
				item.Created = &metav1.Time{Time: *listed[i].CreatedDate}
			}
			item.InSecret = slices.ContainsFunc(secret.reported, func(written versionItem) bool { return written.VersionID == item.VersionID })
			items = append(items, item)
		}
	}
	r.Items = items
	if c.structured() {
		r.As = identities{Kubernetes: k.user(ctx), AWS: asked.user(ctx)}
	}
	if err := c.print(r, versionTable(items, time.Now()), []string{name}); err != nil {
		return err
	}
	return ended(code)
}

func versionTable(items []versionItem, now time.Time) table {
	shown := table{header: []string{"SECRET", "VERSION", "STAGES", "CREATED", "IN SECRET"}}
	for i := range items {
		item := &items[i]
		in := ""
		if item.InSecret {
			in = "yes"
		}
		shown.rows = append(shown.rows, []string{item.SecretID, item.VersionID, strings.Join(item.Stages, ","), ago(item.Created, now), in})
	}
	return shown
}

// readSecret is a secret that a SecretSync reads.
type readSecret struct {
	// name is as the spec has it; id and region are those that AWS is asked for.
	name, id, region string
	// reported are the versions in the Secret, as the operator has reported them.
	reported []versionItem
}

// secretsOf are the secrets of which the Secret was written, and before the first sync that of spec.source.
func secretsOf(found *v1alpha1.SecretSync) (all []*readSecret) {
	for i := range found.Status.Sources {
		source := &found.Status.Sources[i]
		if source.VersionID == "" {
			continue // An optional secret that does not exist.
		}
		at := slices.IndexFunc(all, func(known *readSecret) bool { return known.name == source.SecretID && known.region == source.Region })
		if at < 0 {
			at, all = len(all), append(all, &readSecret{name: source.SecretID, id: source.SecretID, region: source.Region})
		}
		all[at].reported = append(all[at].reported, versionItem{SecretID: source.SecretID, VersionID: source.VersionID, Stages: source.VersionStages, Created: source.VersionCreatedTime, InSecret: true})
	}
	if source := found.Spec.Source; len(all) == 0 && source.SecretID != "" {
		all = append(all, &readSecret{name: source.SecretID, id: source.SecretID, region: source.Region})
	}
	return all
}
