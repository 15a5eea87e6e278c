def permutations_of_word(letters, start = "")
  return puts(start) if letters.empty?

  letters.uniq.each do |letter|
    rest = letters.dup
    rest.delete_at(rest.index(letter))
    permutations_of_word(rest, start + letter)
  end
end

permutations_of_word(gets.chomp.chars.sort)
