# What building a package begins with. Sourced from the top of the tree, not run.

# clean_copy FOLDER: the tracked files as they are now; of a tree without git, everything but what was built.
clean_copy() {
  mkdir -p "$1"
  if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
    git ls-files -z | while IFS= read -r -d '' file; do [ ! -e "$file" ] || printf '%s\0' "$file"; done
  else
    find . -path ./build -prune -o -path ./.git -prune -o -type f -print0
  fi | tar --null --no-recursion -cf - -T - | tar -xf - -C "$1"
}

# In seconds: what the caller says, else the last commit, else the last entry of the changelog.
sources_date() {
  if [ -n "${SOURCE_DATE_EPOCH:-}" ]; then echo "$SOURCE_DATE_EPOCH"
  elif git log -1 --format=%ct 2>/dev/null; then :
  else dpkg-parsechangelog -l packaging/debian/changelog -S Timestamp; fi
}
