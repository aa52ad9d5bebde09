# Completion of the command for bash; verbs and options are asked of the command itself.  source tools/completion/durra.bash
_durra() {
  local word=${COMP_WORDS[COMP_CWORD]}
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    mapfile -t COMPREPLY < <(compgen -W "$("${COMP_WORDS[0]}" --help | awk '/^exit/ {exit} /^  [a-z]+ / {print $1}')" -- "$word")
  elif [[ $word == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$("${COMP_WORDS[0]}" "${COMP_WORDS[1]}" --help | grep -o -- '--[a-z-]*')" -- "$word")
  fi
}
complete -o default -F _durra durra
