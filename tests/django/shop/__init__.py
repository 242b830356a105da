# SPDX-License-Identifier: BSD-2-Clause
"""A shop that recommends products, and holds on to memory in the ways that real ones do."""
