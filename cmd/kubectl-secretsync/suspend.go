package main

import (
	"github.com/spf13/cobra"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

func newSuspend(c *cli) *cobra.Command {
	return newSuspension(c, cobra.Command{
		Use:   "suspend NAME...",
		Short: "Stop following AWS until resume; the Secret stays as it is",
		Long: "Stop reading from AWS and writing to the Secret, until resume. The Secret stays as it is. It sets spec.suspend.\n\n" +
			"kubectl secretsync status counts what is suspended.",
		Example: "  kubectl secretsync suspend db -n payments",
	}, `{"spec":{"suspend":true}}`, "spec.suspend: true", true)
}

func newResume(c *cli) *cobra.Command {
	return newSuspension(c, cobra.Command{
		Use:     "resume NAME...",
		Short:   "Follow AWS again after suspend",
		Long:    "Follow AWS again after suspend. It removes spec.suspend.",
		Example: "  kubectl secretsync resume db -n payments",
	}, `{"spec":{"suspend":null}}`, "the removal of spec.suspend", false)
}

func newSuspension(c *cli, command cobra.Command, patch, change string, suspends bool) *cobra.Command {
	done := map[bool]string{true: "suspended", false: "resumed"}[suspends]
	before := map[bool]string{true: "already suspended", false: "not suspended"}[suspends]
	kind := map[bool]string{true: "Suspend", false: "Resume"}[suspends]
	force := false
	command.Args = cobra.MinimumNArgs(1)
	command.RunE = func(command *cobra.Command, names []string) error {
		ctx := command.Context()
		return c.changeEach(ctx, kind, names, func(k *cluster, found *v1alpha1.SecretSync) (changeItem, error) {
			if found.Spec.Suspend == suspends {
				return changeItem{Outcome: before}, nil
			}
			if err := checkGitOps(found, change, force); err != nil {
				return changeItem{}, err
			}
			return changeItem{Outcome: done}, k.patch(ctx, found, patch)
		})
	}
	command.Flags().BoolVar(&force, "force", false, "change a SecretSync that is applied from Git, too")
	return &command
}
