{{/* How Kafka is reached, and what goes out and comes in; credentials are files, never values. */}}
{{- define "headstart.kafkaOptions" -}}
{{- $kafka := .Values.kafka -}}
{{- $files := dict "password" "password" "ca.crt" "ca" "tls.crt" "certificate" "tls.key" "key" -}}
- --kafka-security={{ $kafka.security }}
{{- with $kafka.mechanism }}
- --kafka-mechanism={{ . }}
{{- end }}
{{- with $kafka.user }}
- {{ printf "--kafka-user=%s" . | quote }}
{{- end }}
{{- range $kafka.secretKeys }}
- --kafka-{{ get $files . }}-file=/etc/headstart/kafka/{{ . }}
{{- end }}
{{- with $kafka.eventsTopic }}
- {{ printf "--events-topic=%s" . | quote }}
- --events-spool=/tmp/events.db
{{- end }}
{{- with $kafka.announcementsTopic }}
- {{ printf "--announcements-topic=%s" . | quote }}
{{- end }}
{{- end }}
