variable "secrets" {
  description = "Names of the secrets that the operator may read, without the random suffix of their ARNs. An asterisk matches any characters: /prod/payments/*"
  type        = list(string)

  validation {
    condition     = length(var.secrets) > 0
    error_message = "Name at least one secret or prefix, for example /prod/payments/*."
  }
}

variable "oidc_provider_arn" {
  description = "ARN of the cluster's OIDC provider in IAM, for IRSA. Default: no IRSA."
  type        = string
  default     = null
}

variable "pod_identity_cluster" {
  description = "Name of the EKS cluster, for EKS Pod Identity. Default: no Pod Identity."
  type        = string
  default     = null
}

variable "name" {
  description = "Name of the role and its policy, and prefix of the names of the queues and the rule."
  type        = string
  default     = "secretsync"
}

variable "namespace" {
  description = "Namespace of the operator."
  type        = string
  default     = "secretsync-system"
}

variable "service_account" {
  description = "Name of the operator's ServiceAccount."
  type        = string
  default     = "secretsync"
}

variable "change_events" {
  description = "Create a queue of change events, so that the operator notices changes within a second."
  type        = bool
  default     = true
}
