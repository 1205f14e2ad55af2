"""Files that hold their signature or signed lists: ZIP, JAR, NuGet, PE and rpm."""
