<?php

declare(strict_types=1);

class Fraction
{
    public function __construct(private readonly int $numerator, private readonly int $denominator)
    {
    }

    public function plus(Fraction $other): Fraction
    {
        $left = $this->numerator * $other->denominator;
        $right = $other->numerator * $this->denominator;
        return new Fraction($left + $right, $this->denominator * $other->denominator);
    }

    public function reduced(): Fraction
    {
        [$divisor, $rest] = [$this->numerator, $this->denominator];
        while ($rest !== 0) {
            [$divisor, $rest] = [$rest, $divisor % $rest];
        }
        $numerator = intdiv($this->numerator, $divisor);
        return new Fraction($numerator, intdiv($this->denominator, $divisor));
    }

    public function __toString(): string
    {
        return "$this->numerator/$this->denominator";
    }
}

function sumOfFractions(array $words): Fraction
{
    $sum = new Fraction(0, 1);
    foreach ($words as $word) {
        $fraction = new Fraction(...sscanf($word, '%d/%d'));
        $sum = $sum->plus($fraction)->reduced();
    }
    return $sum;
}

$words = explode(' ', trim(fgets(STDIN)));
echo sumOfFractions($words), PHP_EOL;
