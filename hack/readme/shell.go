package readme

import (
	"os"
	"slices"
	"strings"
)

// Shell is the shell of a newcomer to a cluster and AWS.
type Shell struct {
	// Kubectl and Helm are the directories of these programs. Others are those of programs that this machine may lack:
	// its PATH comes before them.
	Kubectl, Helm string
	Others        []string
	// Home is a directory for what programs keep.
	Home       string
	Kubeconfig string
	// Endpoint and Region of AWS, and the access key by which it knows the newcomer.
	Endpoint, Region             string
	AccessKeyID, SecretAccessKey string
}

// Environment is that of a Follower. It has no credentials and settings of AWS but those of the shell.
func (s Shell) Environment() []string {
	path := slices.Concat([]string{s.Kubectl, s.Helm, os.Getenv("PATH")}, s.Others)
	own := slices.DeleteFunc(os.Environ(), func(variable string) bool { return strings.HasPrefix(variable, "AWS_") })
	return append(own, "PATH="+strings.Join(path, string(os.PathListSeparator)), "KUBECONFIG="+s.Kubeconfig,
		"HELM_CACHE_HOME="+s.Home, "HELM_CONFIG_HOME="+s.Home, "HELM_DATA_HOME="+s.Home,
		"AWS_ENDPOINT_URL="+s.Endpoint, "AWS_DEFAULT_REGION="+s.Region, "AWS_PAGER=", "AWS_EC2_METADATA_DISABLED=true",
		"AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull,
		"AWS_ACCESS_KEY_ID="+s.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+s.SecretAccessKey)
}
