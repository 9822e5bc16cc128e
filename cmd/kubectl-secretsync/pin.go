package main

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// annotationUnpinned on a SecretSync is what spec.source followed before pin, as JSON.
const annotationUnpinned = "secretsync.dev/unpinned-source"

// followed is what a source follows: a staging label or a version.
type followed struct {
	VersionStage string `json:"versionStage,omitempty"`
	VersionID    string `json:"versionID,omitempty"`
}

// pinOptions are the flags of pin.
type pinOptions struct {
	version         string
	previous, force bool
}

func newPin(c *cli) *cobra.Command {
	var options pinOptions
	command := &cobra.Command{
		Use:   "pin NAME --version ID | --previous",
		Short: "Stay at a version, for example the one before a rotation, until unpin",
		Long: "Stay at one version of the secret until unpin: rotations are not followed. It sets spec.source.versionID.\n" +
			"--previous asks AWS, with your own credentials (secretsmanager:ListSecretVersionIds), for the version at AWSPREVIOUS.\n\n" +
			"kubectl secretsync status counts what is pinned.",
		Example: "  kubectl secretsync pin db -n payments --previous",
		Args:    cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, names []string) error {
			if (options.version == "") != options.previous {
				return usage("say which version: --version ID or --previous")
			}
			ctx := command.Context()
			return c.changeEach(ctx, "Pin", names, func(k *cluster, found *v1alpha1.SecretSync) (changeItem, error) {
				return k.pin(ctx, found, options)
			})
		},
	}
	command.Flags().StringVar(&options.version, "version", "", "id of the version")
	command.Flags().BoolVar(&options.previous, "previous", false, "take the version at AWSPREVIOUS")
	addForce(command, &options.force)
	return command
}

func (k *cluster) pin(ctx context.Context, found *v1alpha1.SecretSync, options pinOptions) (changeItem, error) {
	if found.Spec.Source.SecretID == "" {
		return changeItem{}, trouble("it has no spec.source: set the versionID of the entries of spec.data and spec.dataFrom")
	}
	if err := checkGitOps(found, "spec.source.versionID", options.force); err != nil {
		return changeItem{}, err
	}
	version := options.version
	if options.previous {
		previous, err := previousVersion(ctx, found)
		if err != nil {
			return changeItem{}, err
		}
		version = previous
	}
	if found.Spec.Source.VersionID == version {
		return changeItem{Outcome: "already pinned", Message: version}, nil
	}
	before, kept := found.Annotations[annotationUnpinned]
	if !kept {
		now, err := json.Marshal(followed{found.Spec.Source.VersionStage, found.Spec.Source.VersionID})
		if err != nil {
			return changeItem{}, err
		}
		before = string(now)
	}
	return changeItem{Outcome: "pinned", Message: version}, k.setSource(ctx, found, followed{VersionID: version}, before)
}

// previousVersion is the version of spec.source at AWSPREVIOUS.
func previousVersion(ctx context.Context, found *v1alpha1.SecretSync) (string, error) {
	asked, err := newAccount(ctx)
	if err != nil {
		return "", err
	}
	id, region := found.Spec.Source.SecretID, found.Spec.Source.Region
	for i := range found.Status.Sources {
		if source := &found.Status.Sources[i]; source.SecretID == id && source.Region != "" {
			region = source.Region
			break
		}
	}
	listed, err := asked.versions(ctx, id, region)
	if err != nil {
		return "", err
	}
	for i := range listed {
		if slices.Contains(listed[i].VersionStages, "AWSPREVIOUS") {
			return aws.ToString(listed[i].VersionId), nil
		}
	}
	return "", trouble("the secret %s has no version at AWSPREVIOUS", id)
}

func newUnpin(c *cli) *cobra.Command {
	force := false
	command := &cobra.Command{
		Use:     "unpin NAME...",
		Short:   "Follow again what was followed before pin",
		Long:    "Follow again what was followed before pin. If the version was set in another way, AWSCURRENT is followed.",
		Example: "  kubectl secretsync unpin db -n payments",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(command *cobra.Command, names []string) error {
			ctx := command.Context()
			return c.changeEach(ctx, "Unpin", names, func(k *cluster, found *v1alpha1.SecretSync) (changeItem, error) {
				return k.unpin(ctx, found, force)
			})
		},
	}
	addForce(command, &force)
	return command
}

func (k *cluster) unpin(ctx context.Context, found *v1alpha1.SecretSync, force bool) (changeItem, error) {
	if found.Spec.Source.VersionID == "" {
		return changeItem{Outcome: "not pinned"}, nil
	}
	if err := checkGitOps(found, "the removal of spec.source.versionID", force); err != nil {
		return changeItem{}, err
	}
	var before followed
	if text := found.Annotations[annotationUnpinned]; text != "" {
		if err := json.Unmarshal([]byte(text), &before); err != nil {
			return changeItem{}, trouble("the annotation %s is no JSON object of pin: remove it, and spec.source.versionID", annotationUnpinned)
		}
	}
	follows := before.VersionStage
	if before.VersionID != "" {
		follows = "version " + before.VersionID
	} else if follows == "" {
		follows = "AWSCURRENT"
	}
	return changeItem{Outcome: "unpinned", Message: "follows " + follows}, k.setSource(ctx, found, before, "")
}

// setSource sets what spec.source follows, and the annotation; an empty one is removed.
func (k *cluster) setSource(ctx context.Context, found *v1alpha1.SecretSync, to followed, annotation string) error {
	orNull := func(text string) any {
		if text == "" {
			return nil
		}
		return text
	}
	merge, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"annotations": map[string]any{annotationUnpinned: orNull(annotation)}},
		"spec":     map[string]any{"source": map[string]any{"versionStage": orNull(to.VersionStage), "versionID": orNull(to.VersionID)}},
	})
	if err != nil {
		return err
	}
	return k.patch(ctx, found, string(merge))
}
