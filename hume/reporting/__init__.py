"""What people see: figures, maps, sentences, the HTML report."""
