#!/usr/bin/env bash
# Checks the style of every Swift file against .swift-format; `swift format -i -r Sources Tests Package.swift` fixes
# most findings.
set -euo pipefail
cd "$(dirname "$0")/.."
swift format lint --strict --parallel -r Sources Tests Package.swift
