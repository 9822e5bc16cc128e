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
	}, suspension{
		kind: "Suspend", suspends: true, patch: `{"spec":{"suspend":true}}`, change: "spec.suspend: true",
		done: "suspended", already: "already suspended",
	})
}

func newResume(c *cli) *cobra.Command {
	return newSuspension(c, cobra.Command{
		Use:     "resume NAME...",
		Short:   "Follow AWS again after suspend",
		Long:    "Follow AWS again after suspend. It removes spec.suspend.",
		Example: "  kubectl secretsync resume db -n payments",
	}, suspension{
		kind: "Resume", suspends: false, patch: `{"spec":{"suspend":null}}`, change: "the removal of spec.suspend",
		done: "resumed", already: "not suspended",
	})
}

// suspension is a change of spec.suspend.
type suspension struct {
	// kind is that of the report.
	kind     string
	suspends bool
	// patch makes the change, and change says what to commit where the object is applied from Git.
	patch, change string
	// done and already are the outcomes.
	done, already string
}

func newSuspension(c *cli, command cobra.Command, to suspension) *cobra.Command {
	force := false
	command.Args = cobra.MinimumNArgs(1)
	command.RunE = func(command *cobra.Command, names []string) error {
		ctx := command.Context()
		return c.changeEach(ctx, to.kind, names, func(k *cluster, found *v1alpha1.SecretSync) (changeItem, error) {
			if found.Spec.Suspend == to.suspends {
				return changeItem{Outcome: to.already}, nil
			}
			if err := checkGitOps(found, to.change, force); err != nil {
				return changeItem{}, err
			}
			return changeItem{Outcome: to.done}, k.patch(ctx, found, to.patch)
		})
	}
	addForce(&command, &force)
	return &command
}
