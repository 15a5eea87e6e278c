require "date"

def age_on_date(birth, date)
  age = date.year - birth.year
  date < birth.next_year(age) ? age - 1 : age
end

birth = Date.strptime(gets.chomp, "%d.%m.%Y")
date = Date.strptime(gets.chomp, "%d.%m.%Y")
puts age_on_date(birth, date)
