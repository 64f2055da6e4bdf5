"""memwatch for coding agents: the tools, and the MCP server that offers them. Nothing of the SDK is loaded before."""
