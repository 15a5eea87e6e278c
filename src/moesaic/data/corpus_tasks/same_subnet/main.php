<?php

declare(strict_types=1);

function sameSubnet(string $first, string $second, int $prefix): bool
{
    $hostBits = 32 - $prefix;
    return ip2long($first) >> $hostBits === ip2long($second) >> $hostBits;
}

$first = trim(fgets(STDIN));
$second = trim(fgets(STDIN));
$prefix = (int) fgets(STDIN);
echo sameSubnet($first, $second, $prefix) ? 'yes' : 'no', PHP_EOL;
