"""Ways of finding repairs, one module each. The contract is `roadmap_cli.agent.repair.driver`."""
